/**
 * How the spread of the scores, N^2 * variance, depends on the number of tokens: the demo model at several sizes of picture, on its
 * own samples. `pnpm bench --benchmark benchmarks/measures/spreads.mjs [--set sizes=160,224,288,384,448]`
 *
 * A threshold that scales with 1/N^2 presumes that the spread stays.
 */
import { readdir } from "node:fs/promises";
import { createOnnxBackend } from "@ppt-vit/backend-onnx";
import { createVisionModel, defaultReduction, modelFingerprint, processImage, withImageSize } from "@ppt-vit/core";
import { demoSamplesUrl } from "@ppt-vit/demo-model";
import { decodeImage, quantile, readCheckpoint } from "@ppt-vit/pipeline";

export async function measure({ settings: { sizes = "160,224,288,384,448" }, tell }) {
  const checkpoint = await readCheckpoint("demo");
  const backend = await createOnnxBackend({ device: "cpu", threads: 2 });
  const files = (await readdir(demoSamplesUrl)).filter((file) => file.endsWith(".png"));
  const pictures = await Promise.all(files.map((file) => decodeImage(new URL(file, demoSamplesUrl))));
  const measurements = [];
  for (const side of sizes.split(",").map(Number))
    for (const score of ["class", "mean"]) {
      tell(`${side} pixels, ${score}`);
      const spreads = await spreadsAt(checkpoint, backend, pictures, { side, score });
      measurements.push({ name: `${side} pixels, ${score}`, facts: { side, score, ...spreads } });
    }
  await backend.dispose();
  const model = {
    name: "demo",
    fingerprint: modelFingerprint(checkpoint.config, checkpoint.weights),
    backend: backend.name,
  };
  return { settings: { model, pictures: pictures.length }, measurements };
}

/** The tokens of each stage of the default schedule, and quantiles of the spread over the pictures. */
async function spreadsAt({ config: own, weights, preprocessing }, backend, pictures, { side, score }) {
  const config = withImageSize(own, [side, side]);
  // Pooling keeps what every token has seen, so the stages before change the scores least.
  const reduction = { ...defaultReduction(config), threshold: "pool", score };
  const model = await createVisionModel({ config, weights, backend, reduction });
  const stages = [];
  for (const picture of pictures) {
    const { data } = processImage(picture, { ...preprocessing, size: { height: side, width: side } });
    for (const [k, { tokensIn, variances }] of (await model.run({ pixelValues: data, batch: 1 })).stages.entries()) {
      stages[k] ??= { tokens: tokensIn - 1, values: [] };
      stages[k].values.push((tokensIn - 1) ** 2 * variances[0]);
    }
  }
  await model.dispose();
  return {
    stages: stages.map(({ tokens, values }) => ({
      tokens,
      spread: [0.1, 0.5, 0.9].map((share) => Number(quantile(values, share).toPrecision(3))),
    })),
  };
}
