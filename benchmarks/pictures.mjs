/** The pictures that accuracy-pictures.py draws, and the classes that a model predicts for them. */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { createVisionModel, processImageInto, resizeAndCrop } from "@ppt-vit/core";
import { decodeImage } from "@ppt-vit/pipeline";

const batch = 20;

/** Paths of all pictures of a set. */
export async function filesOf(folder) {
  const files = await readdir(folder, { recursive: true });
  return files
    .filter((file) => file.endsWith(".png"))
    .sort()
    .map((file) => join(folder, file));
}

/** The pictures of a set as the model sees them, 8 bits a value. The folder of a picture names its label. */
export async function loadPictures(folder, { config, preprocessing }) {
  const labelOf = new Map(config.labels.map((label, index) => [label.replace(" ", "_"), index]));
  const pictures = [];
  for (const file of await filesOf(folder)) {
    const image = resizeAndCrop(await decodeImage(file), preprocessing);
    pictures.push({ image, label: labelOf.get(file.slice(folder.length + 1).split("/")[0]) });
  }
  return pictures;
}

/** The logits of every picture. */
export async function logitsOf({ config, weights, preprocessing }, backend, reduction, pictures) {
  const model = await createVisionModel({ config, weights, backend, reduction });
  const length = config.channels * config.imageSize[0] * config.imageSize[1];
  const labels = config.labels.length;
  const answers = [];
  for (let start = 0; start < pictures.length; start += batch) {
    const part = pictures.slice(start, start + batch);
    const pixelValues = new Float32Array(part.length * length);
    part.forEach(({ image }, i) => void processImageInto(image, preprocessing, pixelValues, i * length));
    const { data } = (await model.run({ pixelValues, batch: part.length })).logits;
    for (let i = 0; i < part.length; i++) answers.push(data.slice(i * labels, (i + 1) * labels));
  }
  await model.dispose();
  return answers;
}

/** The predicted class of every picture. */
export const predict = async (...given) =>
  (await logitsOf(...given)).map((logits) => logits.indexOf(Math.max(...logits)));
