/**
 * How many answers of the demo model are right under settings that `calibrate` found, and under fixed ones at the same budgets.
 * `pnpm bench --benchmark benchmarks/measures/searched.mjs --set pictures=DIR --set found=FILE [--set fixed=0.58,0.5]`, with
 * pictures that accuracy-pictures.py draws. FILE holds a list of { budget, set, reduction }: settings that `calibrate` found on a set of
 * DIR. `fixed` names the budgets at which fixed settings are measured too; by default all of FILE.
 *
 * The sets of the calibration and the test share no picture. Nothing is chosen on the pictures that are measured.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { createOnnxBackend } from "@ppt-vit/backend-onnx";
import { modelCost, modelFingerprint } from "@ppt-vit/core";
import { readCheckpoint } from "@ppt-vit/pipeline";
import { loadPictures, predict } from "../pictures.mjs";
import { agreementOf, published, scheduleFor } from "./accuracy.mjs";

export async function measure({ settings: { pictures: folder, found, fixed }, tell }) {
  const checkpoint = await readCheckpoint("demo");
  const { config, weights } = checkpoint;
  const backend = await createOnnxBackend({ device: "cpu", threads: 1 });
  const pictures = await loadPictures(join(folder, "test"), checkpoint);
  const unreduced = await predict(checkpoint, backend, undefined, pictures);
  const measurements = [];
  async function add(name, facts, reduction) {
    tell(name);
    const predictions = reduction ? await predict(checkpoint, backend, reduction, pictures) : unreduced;
    const test = agreementOf(pictures, unreduced, predictions);
    const { gmacs } = modelCost(config, reduction);
    measurements.push({ name, facts: { ...facts, gmacs, reduction: reduction ?? null, test } });
  }
  await add("unreduced", { policy: "unreduced", budget: null }, undefined);
  const searched = JSON.parse(await readFile(found, "utf8"));
  for (const { budget, set, reduction } of searched)
    await add(`searched on ${set}, ${budget} GMACs`, { policy: "searched", budget, set }, reduction);
  const everyBlock = Array.from({ length: config.layers }, (_, layer) => layer);
  const policies = {
    "ppt-published": { layers: published, threshold: 7e-5 },
    tome: { layers: everyBlock, policy: "tome" },
  };
  const budgets = fixed === undefined ? searched.map((one) => one.budget) : fixed.split(",").map(Number);
  for (const budget of new Set(budgets))
    for (const [policy, settings] of Object.entries(policies)) {
      const reduction = scheduleFor(config, settings, budget);
      if (reduction) await add(`${policy}, ${budget} GMACs`, { policy, budget }, reduction);
    }
  await backend.dispose();
  return {
    settings: {
      model: { name: "demo", fingerprint: modelFingerprint(config, weights), backend: backend.name },
      pictures: { test: pictures.length },
    },
    measurements,
  };
}
