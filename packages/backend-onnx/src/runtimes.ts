/** ONNX Runtime, loaded when it is first used. */
import { isPptError, namingViolations, PptError } from "@ppt-vit/core";
import { shortReason } from "./reasons.js";
import type { OnnxDevice, OnnxRuntime } from "./session.js";

export const isNode = typeof process === "object" && process.versions?.node !== undefined;

/** @throws PptError BACKEND_UNAVAILABLE where the package is not installed or the device does not exist here. */
export type LoadRuntime = (device: OnnxDevice) => Promise<OnnxRuntime>;

export const loadWebRuntime: LoadRuntime = async (device) => {
  if (device === "cpu")
    throw new PptError(
      "BACKEND_UNAVAILABLE",
      "device 'cpu' is native code and needs Node: pass device 'wasm' or 'webgpu'",
    );
  return loading(device, "onnxruntime-web", () =>
    device === "webgpu" ? import("onnxruntime-web/webgpu") : import("onnxruntime-web"),
  );
};

/** What `load` imports from the package `name`. */
export async function loading(
  device: OnnxDevice,
  name: string,
  load: () => Promise<OnnxRuntime>,
): Promise<OnnxRuntime> {
  try {
    return await namingViolations(`device '${device}' needs ${name}`, load);
  } catch (cause) {
    if (isPptError(cause)) throw cause;
    const notInstalled = (cause as { code?: unknown } | undefined)?.code === "ERR_MODULE_NOT_FOUND";
    const what = notInstalled ? "" : `, which could not be loaded (${shortReason(cause)})`;
    throw new PptError("BACKEND_UNAVAILABLE", `device '${device}' needs ${name}${what}: npm install ${name}`, {
      cause,
    });
  }
}
