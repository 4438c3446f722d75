/** The number of threads that a runtime computes with. */
import { PptError } from "@ppt-vit/core";
import type { OnnxDevice } from "./devices.js";
import type { OnnxRuntime, OnnxSessionOptions } from "./runtime-types.js";

export interface Threads {
  readonly sessionOptions: OnnxSessionOptions;
  /** The number, if it is known yet: a wasm runtime decides when its first session opens. */
  count(): number | undefined;
}

/** @throws PptError INVALID_OPTION if that many threads are not possible. */
export function settleThreads(
  runtime: OnnxRuntime,
  device: OnnxDevice,
  {
    threads,
    sessionOptions,
  }: { readonly threads?: number | undefined; readonly sessionOptions?: OnnxSessionOptions | undefined },
): Threads {
  if (device === "webgpu") {
    if (threads !== undefined)
      throw new PptError("INVALID_OPTION", "threads are for devices 'cpu' and 'wasm': device 'webgpu' has none");
    return { sessionOptions: {}, count: () => undefined };
  }
  if (device === "cpu") {
    // 0 means that the runtime decides.
    const count = sessionOptions?.intraOpNumThreads || threads;
    return { sessionOptions: count ? { intraOpNumThreads: count } : {}, count: () => count };
  }
  if (threads !== undefined) setWasmThreads(runtime, threads);
  return { sessionOptions: {}, count: () => runtime.env?.wasm?.numThreads };
}

/** Refuses what the runtime would answer with one thread and a line in the console. */
function setWasmThreads({ env }: OnnxRuntime, threads: number): void {
  if (threads > 1 && globalThis.crossOriginIsolated === false)
    throw new PptError(
      "INVALID_OPTION",
      `threads is ${threads}, but this page is not cross-origin isolated: send it with the headers 'Cross-Origin-Opener-Policy: same-origin' and 'Cross-Origin-Embedder-Policy: require-corp', or pass threads: 1`,
    );
  const wasm = env?.wasm;
  if (!wasm)
    throw new PptError("INVALID_OPTION", "threads: the runtime that was handed in has no env.wasm to set them");
  const settled = wasm.numThreads;
  // The first session fixes the number. Setting it later has no effect.
  if (settled && settled !== threads)
    throw new PptError(
      "INVALID_OPTION",
      `threads is ${threads}, but this runtime already has ${settled}: all its sessions share them. Ask for ${settled} or for none in particular, or ask before the first session`,
    );
  wasm.numThreads = threads;
}
