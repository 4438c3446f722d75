/** The kernels of `assembly/`: how they are called, and what they need. */
import type { Activation } from "@ppt-vit/core/backend";

/** The number of each activation in `assembly/elementwise.ts`. */
export const activationNumbers: Readonly<Record<Activation, number>> = {
  gelu: 0,
  gelu_tanh: 1,
  quick_gelu: 2,
  relu: 3,
  silu: 4,
};

/** Addresses, bytes between rows (strides), and numbers of elements. `assembly/` says what each kernel does. */
export interface Kernels {
  packColumns(b: number, stride: number, K: number, N: number, packed: number): void;
  packRows(b: number, stride: number, K: number, N: number, packed: number): void;
  multiply(
    a: number,
    aStride: number,
    packed: number,
    bias: number,
    out: number,
    outStride: number,
    M: number,
    N: number,
    K: number,
  ): void;
  multipliesBytes(): number;
  quantize(
    x: number,
    M: number,
    K: number,
    paddedK: number,
    largest: number,
    out: number,
    scales: number,
    bytes: number,
  ): void;
  activatedScratch(K: number): number;
  quantizeActivated(
    x: number,
    M: number,
    K: number,
    paddedK: number,
    largest: number,
    out: number,
    scales: number,
    bytes: number,
    kind: number,
    scratch: number,
  ): void;
  groupRows(x: number, M: number, K: number, out: number): void;
  quantizedScratch(K: number): number;
  multiplyQuantized(
    x: number,
    xScales: number,
    groups: number,
    packed: number,
    scales: number,
    bias: number,
    out: number,
    outStride: number,
    M: number,
    N: number,
    K: number,
    bytes: number,
    scratch: number,
  ): void;
  attentionScratch(N: number, d: number): number;
  attention(
    q: number,
    k: number,
    v: number,
    logSize: number,
    out: number,
    scratch: number,
    M: number,
    N: number,
    stride: number,
    heads: number,
    d: number,
    scale: number,
  ): void;
  softmax(x: number, out: number, rows: number, n: number): void;
  layerNorm(x: number, weight: number, bias: number, out: number, rows: number, n: number, epsilon: number): void;
  l2Norm(x: number, out: number, rows: number, n: number): void;
  lpNormalize(x: number, out: number, rows: number, n: number, p: number): void;
  activation(x: number, out: number, n: number, kind: number): void;
  cutPatches(
    x: number,
    out: number,
    channels: number,
    rows: number,
    columns: number,
    height: number,
    width: number,
  ): void;
  add(a: number, b: number, out: number, n: number): void;
  addRows(destination: number, x: number, weights: number, out: number, rows: number, n: number, count: number): void;
  divideRows(x: number, divisors: number, rows: number, n: number): void;
}

const spareBytes = 64;
export const mostThreads = 64;
/** The first bytes of the memory are the threads' own. The constants of the kernels follow: `--memoryBase` in `assemblyscript.ts`. */
const constantsAt = mostThreads * spareBytes;
/** Bytes at the start of the memory that belong to the kernels. */
export const reservedBytes = constantsAt + 1024;

/** What kernels import. Each thread has a number of its own: the calling one's is 0. */
export const importsOf = (memory: WebAssembly.Memory, thread = 0): WebAssembly.Imports => ({
  env: { memory, spare: spareBytes * thread },
});

/** The kernels over one memory, for the calling thread. */
export async function instantiate(module: WebAssembly.Module, memory: WebAssembly.Memory): Promise<Kernels> {
  const { exports } = await WebAssembly.instantiate(module, importsOf(memory));
  return exports as unknown as Kernels;
}
