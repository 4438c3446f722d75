/** Checks that the memory a backend holds does not grow over runs, batches and executables. */
import { hostTensor, type PptErrorCode } from "@ppt-vit/core";
import type { Backend, Executable, HostTensor, Ops, Program, Tensor } from "@ppt-vit/core/backend";
import { iota } from "@ppt-vit/core/testing";
import { expectClose, expectError, uniform } from "./harness.js";
import { tinyInput, tinyModel } from "./models.js";

/** How the suite measures that runs leave no memory behind. */
export interface LifecycleOptions {
  /** Measures what must not grow over repeated runs, such as live tensors or bytes held. It is called between runs. */
  readonly footprint?: ((backend: Backend) => number | Promise<number>) | undefined;
  /** How far the footprint may grow for other reasons than a leak. Default: 0. */
  readonly footprintSlack?: number | undefined;
}

type Case = (backend: Backend, measure: () => Promise<number>) => Promise<void>;

/** [2, 6, 64], the input of all programs here. */
const x = uniform([2, 6, 64], 1);
const inputs = { x: [-1, 6, 64] };
const filled = (shape: number[], value = 1): HostTensor => hostTensor(shape, () => value);

/**
 * Calls every operation that a backend may override with constants that are new host tensors in every run. The results are
 * subtracted from themselves, so they are 0.
 */
function* ofFreshConstants<T extends Tensor>(ops: Ops<T>): Generator<T> {
  const fresh = (...shape: number[]) => ops.constant(filled(shape));
  const zeros = (y: T) => ops.sub(y, y);
  const tokens = fresh(1, 6, 64);
  const options = { heads: 4, scale: 0.1, logSize: fresh(1, 6) };
  const square = () => ({ weight: fresh(64, 64), bias: fresh(64) });
  yield zeros(ops.linear(tokens, fresh(64, 64), fresh(64)));
  yield zeros(ops.layerNorm(tokens, fresh(64), fresh(64), 1e-6));
  yield zeros(ops.attention(tokens, fresh(1, 6, 64), fresh(1, 6, 64), options));
  const projections = { query: square(), key: square(), value: square() };
  yield zeros(ops.selfAttention(tokens, projections, { ...options, observe: "class" }).mixed);
  yield zeros(ops.classAttention(fresh(1, 1, 64), tokens, options));
  const window = { kernel: [3, 3], stride: [2, 2], padding: [1, 1] } as const;
  yield zeros(ops.convolution(fresh(1, 3, 16, 16), fresh(4, 3, 3, 3), fresh(4), window));
  yield zeros(ops.resizeBilinear(fresh(1, 3, 16, 16), [9, 20], true));
  yield zeros(ops.unfold(fresh(1, 3, 16, 16), window));
  yield zeros(ops.gatherRows(tokens, fresh(1, 6)));
  yield zeros(ops.rankDescending(fresh(1, 64)));
  yield zeros(ops.argMax(fresh(1, 64)));
  yield zeros(ops.pickPartners(fresh(1, 6, 64), { firstCandidate: 2, firstPartner: 1, firstRow: 1 }).row);
  const destination = ops.constant(iota([1, 6]));
  yield zeros(ops.compressTokens(destination, 6, { size: fresh(1, 6, 1), averaged: tokens, summed: [tokens] }).size);
}

/** Outputs x and a constant. It makes constants outside of scopes and inside, where some are returned. */
const withFreshConstants: Program = (ops, _params, { x }) => {
  const nothing = ops.scope("outer", () => {
    const kept = ops.scope("inner", () => ops.constant(filled([64], 0)));
    return [kept, ...ofFreshConstants(ops)].map((part) => ops.sum(ops.reshape(part, [-1]), 0));
  });
  const zero = ops.linear(ops.constant(filled([1, 64])), ops.constant(filled([64, 64], 0)));
  const y = nothing.reduce((sum, part) => ops.add(sum, part), ops.add(x!, zero));
  return { y, constant: ops.constant(filled([64, 64], 3)) };
};

const shared = filled([64, 64], 2);
/** 2 x, with a constant whose host tensor all executables share. */
const withSharedConstant: Program = (ops, _params, { x }) => ({
  y: ops.scope("double", () => ops.mul(x!, ops.slice(ops.constant(shared), 0, 0, 1))),
});

/** Makes constants, then fails. */
const failing: Program = (ops, _params, { x }) => {
  const made = ops.scope("constants", () => ops.constant(filled([64, 64])));
  return { y: ops.matMul(ops.matMul(x!, made), ops.constant(filled([63, 64]))) };
};

const timesTwo: HostTensor = { shape: x.shape, data: x.data.map((value) => 2 * value) };

/** Runs `body` a few times to warm up, then 50 times, over which the footprint must not grow. */
async function expectSteady(measure: () => Promise<number>, slack: number, body: () => Promise<unknown>) {
  for (let i = 0; i < 5; i++) await body();
  const before = await measure();
  for (let i = 0; i < 50; i++) await body();
  expectNoMore("over 50 runs", before, await measure(), slack);
}

function expectNoMore(when: string, before: number, after: number, slack: number): void {
  if (after > before + slack) throw new Error(`footprint grew from ${before} to ${after} ${when}`);
}

const casesWith = (slack: number): Readonly<Record<string, Case>> => ({
  "constants made in a run do not add up": async (backend, measure) => {
    const executable = await backend.compile(withFreshConstants, { params: {}, inputs });
    await expectSteady(measure, slack, async () => {
      const { y, constant } = await executable.run({ x });
      expectClose("y", y, x, 1e-2);
      expectClose("constant", constant, filled([64, 64], 3), 0);
    });
  },

  "constants shared by two executables are released with each": async (backend, measure) => {
    const compile = () => backend.compile(withSharedConstant, { params: {}, inputs });
    const check = async (executable: Executable) => expectClose("y", (await executable.run({ x })).y, timesTwo, 1e-2);
    const round = async () => {
      const [first, second] = [await compile(), await compile()];
      await check(first);
      await check(second);
      await first.dispose();
      await check(second);
      await second.dispose();
    };
    await expectSteady(measure, slack, round);
  },

  "a run that fails keeps no constants": async (backend, measure) => {
    const code: PptErrorCode = "INVALID_SHAPE";
    await expectSteady(measure, slack, () =>
      expectError(code, async () => {
        const executable = await backend.compile(failing, { params: {}, inputs });
        try {
          await executable.run({ x });
        } finally {
          await executable.dispose();
        }
      }),
    );
  },

  "memory follows the batch": async (backend, measure) => {
    const model = await tinyModel(backend);
    const runOf = (batch: number) => model.run({ pixelValues: uniform([batch, 3, 20, 12], batch).data, batch });
    for (const batch of [1, 2, 1]) await runOf(batch);
    const before = await measure();
    for (const batch of [3, 7, 4, 8, 5, 6, 1]) await runOf(batch);
    expectNoMore("after larger batches", before, await measure(), slack);
  },

  "repeated runs do not grow": async (backend, measure) => {
    const model = await tinyModel(backend);
    await expectSteady(measure, slack, () => model.run(tinyInput));
  },
});

/** The cases by name. There are none without a `footprint` to measure. */
export function footprintCases({
  footprint,
  footprintSlack = 0,
}: LifecycleOptions): Readonly<Record<string, (backend: Backend) => Promise<void>>> {
  if (!footprint) return {};
  return Object.fromEntries(
    Object.entries(casesWith(footprintSlack)).map(([name, run]) => [
      name,
      (backend: Backend) => run(backend, async () => footprint(backend)),
    ]),
  );
}
