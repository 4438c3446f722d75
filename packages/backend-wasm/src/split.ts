/**
 * How a call of each kernel is shared among threads. What a thread computes of a call has the same bits as in the whole, because
 * the kernels compute every output from its own row and column alone, in one order.
 */
import { type Job, mostChunks } from "./jobs.js";
import type { Kernels } from "./kernels.js";
import { panelColumns as panel, quantizedBytes } from "./weights.js";

/** The kernels that threads share. A job names its kernel by the place in this list. */
export const sharedKernels = [
  "multiply",
  "quantize",
  "quantizeActivated",
  "groupRows",
  "multiplyQuantized",
  "attention",
  "softmax",
  "layerNorm",
  "l2Norm",
  "lpNormalize",
  "activation",
  "add",
] as const satisfies readonly (keyof Kernels)[];
type SharedKernel = (typeof sharedKernels)[number];

/** By the places of arguments, what a unit adds to them. */
type Steps = Readonly<Record<number, number>>;

interface Split extends Pick<Job, "units" | "counted" | "total"> {
  readonly unitSize?: number;
  readonly steps: Steps;
  readonly inner?: number;
  readonly outerSteps?: Steps;
  readonly scratch?: number;
  /** Multiplications and additions, or what takes as long. */
  readonly work: number;
}

/** What is worth a chunk of its own: about 10 microseconds. To take one needs a tenth of one. */
const chunkWork = 200_000;
/** Several for each thread, since some threads are late or slow. */
const chunksPerThread = 16;

/** How many multiplications take as long as one element. */
const costs = {
  softmax: 64,
  layerNorm: 12,
  norm: 8,
  activation: 40,
  add: 8,
  quantize: 12,
  quantizeActivated: 36,
  groupRows: 12,
};

/** Queries of a block, as the kernels have them. */
const queries = 48;
/** Rows of a group, and its bytes for each column. */
const group = { rows: 8, bytes: 28 };
const floatBytes = 4;

/** The memory of one thread for `multiplyQuantized`. */
export const quantizedScratch = (kernels: Kernels, K: number): number =>
  Math.ceil(kernels.quantizedScratch(K) / 64) * 64;

/** The memory of one thread for `quantizeActivated`. */
export const activatedScratch = (kernels: Kernels, K: number): number =>
  Math.ceil(kernels.activatedScratch(K) / 64) * 64;

/** The memory of one thread for `attention`. Threads do not share cache lines. */
export const attentionScratch = (kernels: Kernels, N: number, d: number): number =>
  Math.ceil(kernels.attentionScratch(N, d) / 64) * 64;

/** Rows of `n` floats. The arguments at `places` are addresses of such rows. */
const rows = (count: number, n: number, counted: number, cost: number, places: readonly number[]): Split => ({
  units: count,
  total: count,
  counted,
  steps: Object.fromEntries(places.map((place) => [place, floatBytes * n])),
  work: count * n * cost,
});

/** `n` floats at each of the addresses. */
function elements(n: number, counted: number, cost: number, places: readonly number[]): Split {
  const unitSize = 1024;
  const steps = Object.fromEntries(places.map((place) => [place, floatBytes * unitSize]));
  return { units: Math.ceil(n / unitSize), unitSize, total: n, counted, steps, work: n * cost };
}

const splits: {
  readonly [N in SharedKernel]: (given: Parameters<Kernels[N]>, kernels: Kernels, threads: number) => Split;
} = {
  /** By columns: tiles of rows stay whole, and a thread reads its own part of the weights alone. */
  multiply: ([, , , bias, , , M, N, K]) => ({
    units: Math.ceil(N / panel),
    unitSize: panel,
    total: N,
    counted: 7,
    steps: { 2: floatBytes * panel * K, 3: bias === 0 ? 0 : floatBytes * panel, 4: floatBytes * panel },
    work: M * N * K,
  }),
  quantize: ([, M, K, paddedK]) => ({
    units: M,
    total: M,
    counted: 1,
    steps: { 0: floatBytes * K, 5: 2 * paddedK, 6: floatBytes },
    work: M * K * costs.quantize,
  }),
  quantizeActivated: ([, M, K, paddedK], kernels) => ({
    units: M,
    total: M,
    counted: 1,
    steps: { 0: floatBytes * K, 5: 2 * paddedK, 6: floatBytes, 9: activatedScratch(kernels, K) },
    scratch: 9,
    work: M * K * costs.quantizeActivated,
  }),
  groupRows: ([, M, K]) => ({
    units: Math.ceil(M / group.rows),
    unitSize: group.rows,
    total: M,
    counted: 1,
    steps: { 0: 2 * group.rows * K, 3: group.bytes * K },
    work: M * K * costs.groupRows,
  }),
  /** By pairs of panels, as `multiply`. */
  multiplyQuantized: ([, , groups, , , bias, , , M, N, K, bytes], kernels) => {
    const unitSize = 2 * panel;
    const own = floatBytes * unitSize;
    return {
      units: Math.ceil(N / unitSize),
      unitSize,
      total: N,
      counted: 9,
      steps: {
        3: 2 * quantizedBytes(panel, K, bytes === 1),
        4: own,
        5: bias === 0 ? 0 : own,
        6: own,
        12: groups === 0 ? 0 : quantizedScratch(kernels, K),
      },
      ...(groups !== 0 && { scratch: 12 }),
      work: (M * N * K) / 2,
    };
  },
  attention([, , , , , , M, N, stride, heads, d], kernels, threads) {
    const common = { scratch: 5, work: 2 * heads * M * N * d };
    const head = floatBytes * d;
    const own = attentionScratch(kernels, N, d);
    const blocks = Math.ceil(M / queries);
    // Where threads cannot share the heads evenly, they share the queries of each head, too.
    const size = queries * Math.ceil(blocks / 2);
    const inner = Math.ceil(M / size);
    if (heads % threads === 0 || heads >= 4 * threads || inner < 2 || heads * inner > mostChunks) {
      const steps = { 0: head, 1: head, 2: head, 4: head, 5: own };
      return { ...common, units: heads, total: heads, counted: 9, steps };
    }
    const steps = { 0: size * stride, 4: size * stride, 5: own };
    const outerSteps = { 0: head, 1: head, 2: head, 4: head };
    return { ...common, units: heads * inner, unitSize: size, total: M, counted: 6, inner, steps, outerSteps };
  },
  softmax: ([, , count, n]) => rows(count, n, 2, costs.softmax, [0, 1]),
  layerNorm: ([, , , , count, n]) => rows(count, n, 4, costs.layerNorm, [0, 3]),
  l2Norm: ([, , count, n]) => ({
    ...rows(count, n, 2, costs.norm, []),
    steps: { 0: floatBytes * n, 1: floatBytes },
  }),
  lpNormalize: ([, , count, n]) => rows(count, n, 2, costs.norm, [0, 1]),
  activation: ([, , n]) => elements(n, 2, costs.activation, [0, 1]),
  add: ([, , , n]) => elements(n, 3, costs.add, [0, 1, 2]),
};

/** The job of a call, or undefined if it is too small to share. */
export function jobOf<N extends SharedKernel>(
  name: N,
  given: Parameters<Kernels[N]>,
  kernels: Kernels,
  threads: number,
): Job | undefined {
  const split = splits[name](given, kernels, threads);
  const { units, work, inner = units, unitSize = 1, scratch = -1, steps, outerSteps = {} } = split;
  const worthwhile = Math.min(Math.floor(work / chunkWork), chunksPerThread * threads, units, mostChunks);
  if (worthwhile < 2) return undefined;
  const values: readonly number[] =
    name === "attention" && inner < units ? given.map((value, i) => (i === 9 ? 1 : value)) : given;
  return {
    kernel: sharedKernels.indexOf(name),
    values,
    steps: values.map((_, i) => steps[i] ?? 0),
    outerSteps: values.map((_, i) => outerSteps[i] ?? 0),
    units,
    unitSize,
    total: split.total,
    counted: split.counted,
    inner,
    scratch,
    chunks: inner < units ? units : worthwhile,
  };
}
