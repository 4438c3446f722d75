/** The page of `measures/first-label.mjs`: from nothing to the label of one picture, with the backend that the address names. */
import { fromPretrained } from "@ppt-vit/pipeline/slim";

const open = {
  wasm: async () => (await import("@ppt-vit/backend-wasm")).createWasmBackend(),
  "onnx-wasm": async () => (await import("@ppt-vit/backend-onnx")).createOnnxBackend({ device: "wasm" }),
};

try {
  const name = new URLSearchParams(location.search).get("backend");
  const classifier = await fromPretrained("/model/", { backend: await open[name]() });
  const { labels } = await classifier.classify("/samples/000_dog.png");
  // Since the navigation began.
  const labelMs = performance.now();
  globalThis.result = { labelMs, label: labels[0].label };
} catch (error) {
  globalThis.result = { error: `${error.code}: ${error.message}` };
}
