/** The pipeline in Node, with `@types/node` and no library of a page. */
import { readFile } from "node:fs/promises";
import { createOnnxBackend, exportOnnx } from "@ppt-vit/backend-onnx";
import { createTfjsBackend } from "@ppt-vit/backend-tfjs";
import {
  type Calibration,
  calibrate,
  chooseSettings,
  decodeImage,
  type FeatureExtractor,
  fromPretrained,
  type ImageClassifier,
  type OptionsOf,
  type PictureFailure,
  parseTextEmbeddings,
  readCheckpoint,
  reductionDocument,
  renderTokens,
  type TaskName,
  tokenPicture,
} from "@ppt-vit/pipeline";
import { same } from "./expect.js";

export async function byTask() {
  const classifier = await fromPretrained("demo", { backend: "auto", trace: true });
  const extractor = await fromPretrained("demo", { task: "image-feature-extraction", dense: true });
  same<typeof classifier, ImageClassifier>(true);
  same<typeof extractor, FeatureExtractor>(true);
  // A Buffer is a Uint8Array.
  const { labels, problem } = await classifier.classify(await readFile("photo.jpg"), { topK: 3 });
  const result = await classifier.classify(new URL("file:///photo.jpg"));
  const picture = await tokenPicture("photo.jpg", result, classifier.patches);
  const file: Uint8Array | string = await renderTokens([picture], "png", { scores: true });
  // @ts-expect-error no such format
  await renderTokens([picture], "jpeg");
  // @ts-expect-error a Blob is for browsers
  await classifier.classify(new Blob([]));
  return { labels, problem, file };
}

/** A wrapper of one's own, for any task. */
export const load = <Name extends TaskName>(source: string, options: OptionsOf<Name>, token?: string) =>
  fromPretrained<Name>(source, { cacheDir: process.argv[2], token, ...options });

export async function zeroShot(file: Uint8Array) {
  const textEmbeddings = parseTextEmbeddings(file);
  await fromPretrained("org/clip", { textEmbeddings });
  // @ts-expect-error labels belong to the other task
  await fromPretrained("org/clip", { task: "image-feature-extraction", textEmbeddings });
}

export async function settings(paths: readonly string[]) {
  const calibration: Calibration = await calibrate("demo", { images: paths, compare: ["tome"], target: { gmacs: 3 } });
  const failures: readonly PictureFailure[] = calibration.failures;
  const target = { maxDisagreement: 0.01 };
  // @ts-expect-error no such target
  chooseSettings(calibration, { accuracy: 0.9 });
  // @ts-expect-error `images` is missing
  await calibrate("demo", {});
  return { failures, document: reductionDocument(calibration, chooseSettings(calibration, target), target) };
}

export async function exported() {
  const { config, weights, reduction } = await readCheckpoint("demo");
  const { bytes, outputs } = exportOnnx({ config, weights, reduction, dtype: "float16", portable: undefined });
  // @ts-expect-error the name of backends
  exportOnnx({ config, weights, dtype: "fp16" });
  return { bytes: bytes.byteLength, outputs: outputs.join(), pixels: (await decodeImage("photo.jpg")).data };
}

export const backends = () => Promise.all([createOnnxBackend({ threads: 2 }), createTfjsBackend({ device: "node" })]);
