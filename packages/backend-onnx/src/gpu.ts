/** The part of WebGPU that this package uses itself, in browsers. TypeScript's DOM library has no types for it. */
import { PptError } from "@ppt-vit/core";
import type { GpuBuffer, OnnxRuntime, OnnxSessionOptions } from "./runtime-types.js";

export interface GpuDevice {
  /** Resolves when the device is lost. */
  readonly lost: Promise<{ readonly message: string }>;
  readonly queue: { writeBuffer(buffer: GpuBuffer, offset: number, data: Float32Array): void };
  createBuffer(descriptor: { readonly size: number; readonly usage: number }): GpuBuffer;
}

interface WithFeatures {
  readonly features: { has(name: string): boolean };
}

/** Whether WebGPU has the operators that came with ONNX Runtime 1.30. An unknown version may be an older one. */
export function sortsOnGpu({ env }: OnnxRuntime): boolean {
  const { node, web } = env?.versions ?? {};
  const [major = 0, minor = 0] = (node ?? web ?? "").split(".").map(Number);
  return major > 1 || (major === 1 && minor >= 30);
}

/** The device that the caller passed in the provider's options. */
const givenDevice = ({ executionProviders = [] }: OnnxSessionOptions): unknown =>
  executionProviders
    .map((one) => (typeof one === "object" && "device" in one ? one.device : undefined))
    .find((device) => device !== undefined);

/**
 * Checks the caller's device, or the adapter from which the runtime would request its own device.
 * @throws PptError BACKEND_UNAVAILABLE if there is no adapter, UNSUPPORTED_DTYPE if it cannot compute in `dtype`.
 */
export async function checkAdapter(dtype: "fp32" | "fp16", sessionOptions: OnnxSessionOptions): Promise<void> {
  const given = givenDevice(sessionOptions) as WithFeatures | undefined;
  const { gpu } = navigator as { gpu?: { requestAdapter(): Promise<WithFeatures | null> } };
  const adapter = given ?? (await gpu?.requestAdapter());
  if (!adapter)
    throw new PptError(
      "BACKEND_UNAVAILABLE",
      `device 'webgpu': ${gpu ? "the browser has no adapter for this machine's GPU" : "this page has no WebGPU (it needs https or localhost)"}: pass device 'wasm'`,
    );
  if (dtype === "fp16" && !adapter.features.has("shader-f16"))
    throw new PptError(
      "UNSUPPORTED_DTYPE",
      given
        ? "device 'webgpu': the GPUDevice in sessionOptions has no 'shader-f16': request it with that feature, or pass dtype 'fp32'"
        : "device 'webgpu': the adapter has no 'shader-f16': pass dtype 'fp32'",
    );
}

/** The device that sessions run on: the caller's, or the runtime's own. Undefined if the runtime does not expose it. */
export async function gpuDevice(
  runtime: OnnxRuntime,
  sessionOptions: OnnxSessionOptions,
): Promise<GpuDevice | undefined> {
  return (givenDevice(sessionOptions) ?? (await runtime.env?.webgpu?.device)) as GpuDevice | undefined;
}
