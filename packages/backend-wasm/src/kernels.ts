/** The kernels of `assembly/`, compiled for two sets of instructions. */

import { PptError } from "@ppt-vit/core";
import { type Activation, requireWebAssembly } from "@ppt-vit/core/backend";
import relaxed from "../assembly/index.ts?relaxed";
import simd from "../assembly/index.ts?simd";
import { sharedBinary } from "./shared-binary.js";

/** `relaxed-simd` has fused multiply-add: Node 22, Chromium 114 and newer. */
export type Instructions = "relaxed-simd" | "simd";

/** The sets of instructions, the fastest first. */
export const instructionSets: readonly Instructions[] = ["relaxed-simd", "simd"];

const binaries: Readonly<Record<Instructions, Uint8Array<ArrayBuffer>>> = { "relaxed-simd": relaxed, simd };

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
  quantize(x: number, M: number, K: number, paddedK: number, largest: number, out: number, scales: number): void;
  multiplyQuantized(
    x: number,
    xScales: number,
    packed: number,
    scales: number,
    bias: number,
    out: number,
    M: number,
    N: number,
    K: number,
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
  add(a: number, b: number, out: number, n: number): void;
  addRows(destination: number, x: number, weights: number, out: number, rows: number, n: number, count: number): void;
  divideRows(x: number, divisors: number, rows: number, n: number): void;
}

/** Bytes at the start of the memory that belong to the kernels: some for each thread. */
export const reservedBytes = 4096;
const spareBytes = 64;
export const mostThreads = reservedBytes / spareBytes;

/**
 * The instructions to use here: `wanted`, or the fastest.
 * @throws PptError BACKEND_UNAVAILABLE if WebAssembly, or its SIMD, is missing or forbidden
 */
export function chooseInstructions(wanted?: Instructions): Instructions {
  requireWebAssembly("backend 'wasm'");
  const found = (wanted ? [wanted] : instructionSets).find((one) => WebAssembly.validate(binaries[one]));
  if (found) return found;
  throw new PptError(
    "BACKEND_UNAVAILABLE",
    wanted === "relaxed-simd"
      ? "backend 'wasm': this engine has no relaxed SIMD in WebAssembly: leave out the option 'instructions'"
      : "backend 'wasm' needs SIMD in WebAssembly, which this engine does not have: update it, or pass backend 'cpu'",
  );
}

const compiled = new Map<string, Promise<WebAssembly.Module>>();

/** Whether this engine knows memory that threads share. */
export const knowsSharedMemory = (instructions: Instructions): boolean =>
  WebAssembly.validate(sharedBinary(binaries[instructions]));

/** Compiled once, on the first call. @param shared whether the kernels import shared memory */
export function compileKernels(instructions: Instructions, shared: boolean): Promise<WebAssembly.Module> {
  const key = `${instructions} ${shared}`;
  const known = compiled.get(key);
  if (known) return known;
  const binary = binaries[instructions];
  const module = WebAssembly.compile(shared ? sharedBinary(binary) : binary);
  compiled.set(key, module);
  // What failed once, for lack of memory, may be tried again.
  module.catch(() => compiled.delete(key));
  return module;
}

/** What kernels import. Each thread has a number of its own: the calling one's is 0. */
export const importsOf = (memory: WebAssembly.Memory, thread = 0): WebAssembly.Imports => ({
  env: { memory, spare: spareBytes * thread },
});

/** The kernels over one memory, for the calling thread. */
export async function instantiate(module: WebAssembly.Module, memory: WebAssembly.Memory): Promise<Kernels> {
  const { exports } = await WebAssembly.instantiate(module, importsOf(memory));
  return exports as unknown as Kernels;
}
