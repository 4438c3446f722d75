/**
 * What it costs in accuracy on the demo model to score tokens without its class token, by the mean query.
 * `pnpm bench --benchmark benchmarks/measures/scores.mjs --set pictures=DIR`, with pictures that accuracy-pictures.py draws.
 *
 * The blocks are the published ones, and nothing is chosen on the pictures.
 */
import { join } from "node:path";
import { createOnnxBackend } from "@ppt-vit/backend-onnx";
import { modelCost, modelFingerprint } from "@ppt-vit/core";
import { readCheckpoint } from "@ppt-vit/pipeline";
import { loadPictures, predict } from "../pictures.mjs";
import { agreementOf, published, scheduleFor } from "./accuracy.mjs";

const budgets = [0.8, 0.66];
/** The published threshold, the demo's own, and pruning alone. Pooling alone needs no score. */
const thresholds = [7e-5, 1e-3, "prune"];

export async function measure({ settings: { pictures: folder }, tell }) {
  const checkpoint = await readCheckpoint("demo");
  const backend = await createOnnxBackend({ device: "cpu", threads: 1 });
  const pictures = await loadPictures(join(folder, "test"), checkpoint);
  const unreduced = await predict(checkpoint, backend, undefined, pictures);
  const { config, weights } = checkpoint;
  const measurements = [];
  for (const budget of budgets)
    for (const threshold of thresholds)
      for (const score of ["class", "mean"]) {
        const reduction = scheduleFor(config, { layers: published, threshold, score }, budget);
        const name = `${score}, threshold ${threshold}, ${budget.toFixed(2)} GMACs`;
        tell(name);
        const { gmacs } = modelCost(config, reduction);
        const predictions = await predict(checkpoint, backend, reduction, pictures);
        const test = agreementOf(pictures, unreduced, predictions);
        measurements.push({ name, facts: { score, budget, gmacs, reduction, test } });
      }
  await backend.dispose();
  return {
    settings: {
      model: { name: "demo", fingerprint: modelFingerprint(config, weights), backend: backend.name },
      pictures: { test: pictures.length },
      budgets,
    },
    measurements,
  };
}
