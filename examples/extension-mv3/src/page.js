import { createClassifierWorker } from "@ppt-vit/pipeline/slim";

const worker = createClassifierWorker(new Worker(new URL("./worker.js", import.meta.url), { type: "module" }));
try {
  const classifier = await worker.fromPretrained("/model/", { backend: "onnx-wasm" });
  const { labels } = await classifier.classify("/photo.png");
  document.title = `ok ${labels[0].label}`;
} catch (error) {
  document.title = `failed ${error.code}: ${error.message}`;
}
