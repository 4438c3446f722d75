/** WebGPU in Node: Dawn, from the npm package `webgpu`, on any Vulkan driver. */
import { env } from "@tensorflow/tfjs-core";
import { useSoftwareVulkan } from "../../backend-onnx/test/webgpu.js";

/** Whether there is a driver. Gives this process a `navigator.gpu`, which TensorFlow.js looks for when it loads. */
export async function useWebGpu(): Promise<boolean> {
  if (!useSoftwareVulkan()) return false;
  const { create, globals } = await import("webgpu");
  Object.assign(globalThis, globals);
  Object.defineProperty(globalThis, "navigator", { value: { gpu: create([]) }, configurable: true });
  await import("@tensorflow/tfjs-backend-webgpu");
  // Small tensors run on the GPU too, because the shaders are what is tested.
  env().set("WEBGPU_CPU_FORWARD", false);
  return true;
}
