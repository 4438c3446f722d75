"use client";
import { onnxWasm } from "@ppt-vit/backend-onnx/wasm";
import { createClassifierWorker, fromPretrained, registerBackend } from "@ppt-vit/pipeline/slim";
import { useEffect, useState } from "react";

// One runtime, named here and in worker.js: the build has its WebAssembly and no other.
registerBackend(onnxWasm);

export default function Page() {
  const [text, setText] = useState("waiting");
  useEffect(() => {
    const worker = createClassifierWorker(new Worker(new URL("./worker.js", import.meta.url), { type: "module" }));
    const label = async (load) => {
      const classifier = await load("/model/", { backend: "onnx-wasm" });
      const { labels } = await classifier.classify("/photo.png");
      return labels[0].label;
    };
    // In the page itself, and in a worker. The page stays responsive with the second.
    label(fromPretrained)
      .then(async (inPage) => setText(`ok ${inPage} ${await label(worker.fromPretrained)}`))
      .catch((error) => setText(`failed ${error.code}: ${error.message}`));
    return () => void worker.dispose();
  }, []);
  return (
    <>
      <title>{text}</title>
      <p>{text}</p>
    </>
  );
}
