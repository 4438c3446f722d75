/** The part of ONNX Runtime that this package uses, and how a runtime is loaded when it is first needed. */
import { isPptError, PptError } from "@ppt-vit/core";
import { namingViolations } from "@ppt-vit/core/backend";
import type { InferenceSession, Tensor } from "onnxruntime-common";
import type { OnnxDevice } from "./devices.js";
import { shortReason } from "./reasons.js";

/** A `GPUBuffer`. TypeScript's DOM library has no types for WebGPU. */
export interface GpuBuffer {
  readonly size: number;
  readonly mapState: "unmapped" | "pending" | "mapped";
  destroy(): void;
}

/** The part of `onnxruntime-node` or `onnxruntime-web` that this package uses. */
export interface OnnxRuntime {
  readonly InferenceSession: {
    create(model: Uint8Array, options?: InferenceSession.SessionOptions): Promise<InferenceSession>;
  };
  readonly Tensor: {
    new (type: "float32", data: Float32Array, dims: readonly number[]): Tensor;
    fromGpuBuffer?(buffer: GpuBuffer, options: { dataType: "float32"; dims: readonly number[] }): Tensor;
  };
  readonly env?: {
    readonly versions?: { readonly node?: string; readonly web?: string };
    readonly wasm?: { numThreads?: number };
    readonly webgpu?: { readonly device?: unknown };
  };
}

/** @throws PptError BACKEND_UNAVAILABLE if the package is not installed or the device does not exist here. */
export type LoadRuntime = (device: OnnxDevice) => Promise<OnnxRuntime>;

export const isNode = typeof process === "object" && process.versions?.node !== undefined;

/** What `load` imports from the package `name`. @throws PptError BACKEND_UNAVAILABLE */
export async function loading(
  device: OnnxDevice,
  name: string,
  load: () => Promise<OnnxRuntime>,
): Promise<OnnxRuntime> {
  try {
    return await namingViolations(`device '${device}' needs ${name}`, load);
  } catch (cause) {
    throw isPptError(cause) ? cause : notLoaded(device, name, cause);
  }
}

/** The error for a package `name` that is not installed, or that failed while it was loaded. */
export function notLoaded(device: OnnxDevice, name: string, cause: unknown): PptError {
  const notInstalled = (cause as { code?: unknown } | undefined)?.code === "ERR_MODULE_NOT_FOUND";
  const what = notInstalled ? "" : `, which could not be loaded (${shortReason(cause)})`;
  return new PptError("BACKEND_UNAVAILABLE", `device '${device}' needs ${name}${what}: npm install ${name}`, { cause });
}
