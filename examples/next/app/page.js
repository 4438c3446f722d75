"use client";
import { createClassifierWorker, fromPretrained } from "@ppt-vit/pipeline/browser";
import { useEffect, useState } from "react";

export default function Page() {
  const [text, setText] = useState("waiting");
  useEffect(() => {
    const backend = new URLSearchParams(location.search).get("backend") ?? "onnx-wasm";
    const worker = createClassifierWorker(new Worker(new URL("./worker.js", import.meta.url), { type: "module" }));
    const label = async (load) => {
      const classifier = await load("/model/", { backend });
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
