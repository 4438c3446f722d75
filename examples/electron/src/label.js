import { fromPretrained } from "@ppt-vit/pipeline";

/** @type {ReturnType<typeof fromPretrained> | undefined} */
let loading;

/**
 * The label of a picture. The model is loaded once.
 * @param {Uint8Array} bytes of a PNG, JPEG, ... file
 */
export async function label(bytes) {
  loading ??= fromPretrained("demo", { backend: "onnx-cpu" });
  const classifier = /** @type {import("@ppt-vit/pipeline").ImageClassifier} */ (await loading);
  const { labels } = await classifier.classify(bytes);
  return labels[0]?.label;
}
