/** Tools that the cases share: random tensors, runs of a single program, and comparisons that explain what differs. */
import { hostTensor } from "@ppt-vit/core";
import {
  type Backend,
  type Capabilities,
  type HostTensor,
  type Program,
  type Shape,
  showShape,
  type Tensors,
} from "@ppt-vit/core/backend";
import { random } from "@ppt-vit/core/testing";

/** One check. Register it with any test runner: `it.skipIf(skip)(name, run)`. */
export interface ConformanceCase {
  readonly name: string;
  /** Why the case does not apply: the capability that the backend lacks. */
  readonly skip?: string;
  run(): Promise<void>;
}

/**
 * Allowed error of a whole model's logits in reduced precision, relative to 1 + |logit|. Tokens with close scores change
 * places there, so another token may be the last one kept. The action on each image must still be the same. The number comes
 * from observation, not from a proof: half precision was off by up to 0.10 on the golden cases.
 */
export const reducedTolerance = 0.15;

/** Allowed errors of one operation and of a whole model, relative to 1 + |expected|. */
export const tolerancesOf = ({ precision }: Capabilities): { readonly operation: number; readonly model: number } =>
  precision === "float32" ? { operation: 1e-5, model: 1e-4 } : { operation: 1e-2, model: reducedTolerance };

/** Makes a new backend. */
export type CreateBackend = () => Backend | Promise<Backend>;

/** Random values, uniformly distributed over [low, high). */
export function uniform(shape: Shape, seed: number, low = -2, high = 2): HostTensor {
  const next = random(seed);
  return hostTensor(shape, () => low + next() * (high - low));
}

/** Creates a backend, calls `use` with it, and disposes it. */
export async function withBackend<R>(create: CreateBackend, use: (backend: Backend) => Promise<R>): Promise<R> {
  const backend = await create();
  try {
    return await use(backend);
  } finally {
    await backend.dispose();
  }
}

/** Compiles, runs and disposes one program. */
export async function runProgram(
  backend: Backend,
  program: Program,
  feeds: Tensors<HostTensor>,
  params: Tensors<HostTensor> = {},
): Promise<Tensors<HostTensor>> {
  const inputs = Object.fromEntries(Object.entries(feeds).map(([name, x]) => [name, x.shape]));
  const executable = await backend.compile(program, { params, inputs });
  try {
    return await executable.run(feeds);
  } finally {
    await executable.dispose();
  }
}

/** The largest |actual - expected| relative to 1 + |expected|. Equal infinities, and NaN in both, count as 0. */
function largestError(actual: Float32Array, expected: ArrayLike<number>): { error: number; index: number } {
  let worst = { error: 0, index: 0 };
  for (let i = 0; i < expected.length; i++) {
    if (Object.is(actual[i], expected[i]) || actual[i] === expected[i]) continue;
    const difference = Math.abs(actual[i]! - expected[i]!) / (1 + Math.abs(expected[i]!));
    const error = Number.isNaN(difference) ? Number.POSITIVE_INFINITY : difference;
    if (error > worst.error) worst = { error, index: i };
  }
  return worst;
}

/** @throws Error that names the first difference: shape, number of values, or the element that is furthest off */
export function expectClose(
  what: string,
  actual: HostTensor | undefined,
  expected: HostTensor,
  tolerance: number,
): void {
  if (!actual) throw new Error(`${what}: missing`);
  if (showShape(actual.shape) !== showShape(expected.shape))
    throw new Error(`${what}: shape ${showShape(actual.shape)}, expected ${showShape(expected.shape)}`);
  if (actual.data.length !== expected.data.length)
    throw new Error(`${what}: ${actual.data.length} values, expected ${expected.data.length}`);
  const { error, index } = largestError(actual.data, expected.data);
  if (error > tolerance)
    throw new Error(
      `${what}: element ${index} is ${actual.data[index]}, expected ${expected.data[index]} (error ${error.toExponential(2)}, allowed ${tolerance})`,
    );
}

/** Compares tiny values relative to their own size. @throws Error that names them */
export function expectSameRatio(
  what: string,
  actual: Float32Array,
  expected: ArrayLike<number>,
  tolerance: number,
): void {
  const ratios = actual.map((value, i) => value / expected[i]!);
  const { error } = largestError(
    ratios,
    ratios.map(() => 1),
  );
  if (error > tolerance) throw new Error(`${what}: ${actual}, off by a factor of ${1 + error}`);
}

/** @throws Error unless `run` fails with `code` */
export async function expectError(code: string, run: () => Promise<unknown>): Promise<void> {
  let result: unknown;
  try {
    result = await run();
  } catch (error) {
    const actual = error instanceof Error && "code" in error ? error.code : undefined;
    if (actual !== code) throw new Error(`expected an error with code ${code}, got ${error}`, { cause: error });
    return;
  }
  throw new Error(`expected an error with code ${code}, got the result ${JSON.stringify(result)?.slice(0, 80)}`);
}
