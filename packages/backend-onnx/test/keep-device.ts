/** Helps suites on WebGPU, which open and release hundreds of sessions. */
import { createOnnxBackend, type OnnxBackend, type OnnxRuntime } from "@ppt-vit/backend-onnx";

/**
 * A backend with a session that stays open until the backend is disposed. The runtime releases its device with the last
 * session, and all compiled shaders with it. Without this session the suite takes six times as long on a software driver.
 */
export async function keepDevice(ort?: OnnxRuntime): Promise<OnnxBackend> {
  const backend = await createOnnxBackend({ device: "webgpu", ...(ort && { ort }) });
  await backend.compile((ops, _params, { x }) => ({ y: ops.exp(x!) }), { params: {}, inputs: { x: [-1, 4] } });
  return backend;
}
