/** Checks whether a device computes attention correctly. Some devices return wrong numbers and report no error. */
import { firstLineOf, hostTensor } from "@ppt-vit/core";
import type { Backend, Program } from "@ppt-vit/core/backend";

/** The result of comparing two ways to compute the same values on one device. */
export interface SelfCheck {
  readonly agrees: boolean;
  /** Largest difference over the largest value of an output. */
  readonly difference?: number;
  /** Why there is no `difference`. */
  readonly reason?: string;
}

interface Geometry {
  readonly tokens: number;
  readonly channels: number;
  readonly heads: number;
}

/** Heads of 64 channels (ViTs up to large) and of 80 (huge ones). Runtimes choose kernels by this number. */
const geometries: readonly Geometry[] = [
  { tokens: 147, channels: 128, heads: 2 },
  { tokens: 33, channels: 160, heads: 2 },
];

const scaleOf = ({ channels, heads }: Geometry): number => 1 / Math.sqrt(channels / heads);

/** Values from -1/2 to 1/2 without a pattern. Sine waves could resonate with the waves of the tokens. */
export function noise(at: number): number {
  const x = Math.sin(at * 12.9898) * 43758.5453;
  return x - Math.floor(x) - 0.5;
}

/** Weights [C, C] whose queries, keys and values are as large as the tokens. */
const projectionsFor = (C: number) =>
  Object.fromEntries(
    ["query", "key", "value"].map((name, i) => [
      name,
      hostTensor([C, C], (at) => noise(at + i * C * C) * Math.sqrt(12 / C)),
    ]),
  );

/** Covers the different paths inside the operator: with and without token sizes, and one query only, as in the last block. */
const attention =
  (geometry: Geometry): Program =>
  (ops, _params, { q, k, v, logSize }) => {
    const plain = { heads: geometry.heads, scale: scaleOf(geometry) };
    const sized = { ...plain, logSize: logSize! };
    const first = ops.slice(q!, 1, 0, 1);
    return {
      plain: ops.attention(q!, k!, v!, plain),
      sized: ops.attention(q!, k!, v!, sized),
      plainFirst: ops.attention(first, k!, v!, plain),
      sizedFirst: ops.attention(first, k!, v!, sized),
    };
  };

/** The same for the operator that also projects, with the values that token reduction observes. */
const selfAttention =
  (geometry: Geometry): Program =>
  (ops, { query, key, value }, { q, v, logSize }) => {
    const weights = { query: { weight: query! }, key: { weight: key! }, value: { weight: value! } };
    const options = { heads: geometry.heads, scale: scaleOf(geometry) };
    const sized = ops.selfAttention(q!, weights, { ...options, logSize: logSize!, observe: "class" });
    return { plain: ops.selfAttention(v!, weights, options).mixed, sized: sized.mixed, ...sized.observed! };
  };

/** Outputs of `program` for one image and for two. Operators take different paths for them. */
async function probe(
  backend: Pick<Backend, "compile">,
  program: Program,
  { tokens: N, channels: C }: Geometry,
): Promise<readonly Float32Array[]> {
  const inputs = { q: [-1, N, C], k: [-1, N, C], v: [-1, N, C], logSize: [-1, N] };
  const executable = await backend.compile(program, { params: projectionsFor(C), inputs });
  const found: Float32Array[] = [];
  try {
    for (const batch of [1, 2]) {
      // Waves of different lengths give logits from about -5 to 5, so attention is far from uniform.
      const wave = (step: number) => hostTensor([batch, N, C], (i) => Math.sin(step * i + (i % C)));
      const outputs = await executable.run({
        q: wave(0.37),
        k: wave(0.41),
        v: wave(0.73),
        logSize: hostTensor([batch, N], (i) => Math.log(1 + (i % 4))),
      });
      for (const name of Object.keys(outputs).sort()) found.push(outputs[name]!.data);
    }
    return found;
  } finally {
    await executable.dispose();
  }
}

/**
 * Compares the attention of two backends. `projected` adds the operator that also projects. `tolerance` is relative to the
 * largest value of an output. If `tested` fails, the result says so.
 */
export async function compareAttention(
  tested: Pick<Backend, "compile">,
  reference: Pick<Backend, "compile">,
  tolerance: number,
  projected = false,
): Promise<SelfCheck> {
  const programs = projected ? [attention, selfAttention] : [attention];
  const outputsOf = async (backend: Pick<Backend, "compile">) => {
    const outputs: Float32Array[] = [];
    for (const geometry of geometries)
      for (const program of programs) outputs.push(...(await probe(backend, program(geometry), geometry)));
    return outputs;
  };
  const expected = await outputsOf(reference);
  try {
    const found = await outputsOf(tested);
    const difference = Math.max(...expected.map((output, i) => relativeDifference(found[i]!, output)));
    if (Number.isFinite(difference)) return { agrees: difference < tolerance, difference };
    return { agrees: false, reason: "it gives NaN" };
  } catch (error) {
    return { agrees: false, reason: firstLineOf(error) };
  }
}

/** Largest difference over the largest value of `b`. Infinity if `a` has NaN, or if `b` is all zeros and `a` is not. */
export function relativeDifference(a: Float32Array, b: Float32Array): number {
  let [difference, largest] = [0, 0];
  for (const [i, value] of b.entries()) {
    const distance = Math.abs(a[i]! - value);
    if (Number.isNaN(distance)) return Number.POSITIVE_INFINITY;
    difference = Math.max(difference, distance);
    largest = Math.max(largest, Math.abs(value));
  }
  return difference === 0 ? 0 : difference / largest;
}
