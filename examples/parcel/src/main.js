// One runtime, named here: the build has its WebAssembly and no other.
import { onnxWasm } from "@ppt-vit/backend-onnx/wasm";
import { createClassifierWorker, fromPretrained, registerBackend } from "@ppt-vit/pipeline/slim";

registerBackend(onnxWasm); // for models in the page itself
const worker = createClassifierWorker(new Worker(new URL("./worker.js", import.meta.url), { type: "module" }));
try {
  const found = [];
  for (const load of [fromPretrained, worker.fromPretrained]) {
    const classifier = await load("/model/", { backend: "onnx-wasm" });
    const { labels } = await classifier.classify("/photo.png");
    found.push(labels[0].label);
    await classifier.dispose();
  }
  document.title = `ok ${found.join(" ")}`;
} catch (error) {
  document.title = `failed ${error.code}: ${error.message}`;
}
