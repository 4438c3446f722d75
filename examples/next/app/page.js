"use client";
import { createClassifierWorker } from "@ppt-vit/pipeline/browser";
import { useEffect, useState } from "react";

export default function Page() {
  const [text, setText] = useState("waiting");
  useEffect(() => {
    const backend = new URLSearchParams(location.search).get("backend") ?? "onnx-wasm";
    const worker = createClassifierWorker(new Worker(new URL("./worker.js", import.meta.url), { type: "module" }));
    worker
      .fromPretrained("/model/", { backend })
      .then((classifier) => classifier.classify("/photo.png"))
      .then(({ labels }) => setText(`ok ${labels[0].label}`))
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
