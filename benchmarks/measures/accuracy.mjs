/**
 * What each reduction policy costs in accuracy on the demo model, at the same budgets of multiply-accumulates.
 * `pnpm bench --benchmark benchmarks/measures/accuracy.mjs --set pictures=DIR`, with pictures that accuracy-pictures.py draws.
 *
 * Nothing is trained. `calibrate` finds the calibrated settings on 64 pictures of a set of their own, without labels. Nothing
 * else is chosen, and nothing at all on the pictures that are measured.
 */
import { join } from "node:path";
import { createOnnxBackend } from "@ppt-vit/backend-onnx";
import { defaultPolicy, modelCost, modelFingerprint, policies } from "@ppt-vit/core";
import { calibrate, chooseSettings, readCheckpoint } from "@ppt-vit/pipeline";
import { filesOf, loadPictures, predict } from "../pictures.mjs";

/** At most so many GMACs of one image, counted as in the paper's tables. The budget of the published schedule comes first. */
const budgets = [0.8, 0.95, 0.7, 0.66, 0.6, 1.1];
export const published = [3, 6, 9];

/** What is compared: PPT in two ways, and every other policy of the registry. The token counts follow from the budget. */
export const policiesOf = ({ layers }) => {
  const everyBlock = Array.from({ length: layers }, (_, layer) => layer);
  const others = policies.filter((policy) => policy !== defaultPolicy);
  return {
    "ppt-published": { layers: published, threshold: 7e-5 },
    "ppt-pool": { layers: published, threshold: "pool" },
    ...Object.fromEntries(
      others.map(({ name, inEveryBlock }) => [name, { layers: inEveryBlock ? everyBlock : published, policy: name }]),
    ),
  };
};

export async function measure({ settings: { pictures: folder }, tell }) {
  const checkpoint = await readCheckpoint("demo");
  // One thread: on a machine that other work uses too, threads that wait for each other lose more than they gain.
  const backend = await createOnnxBackend({ device: "cpu", threads: 1 });
  const sets = {
    test: await loadPictures(join(folder, "test"), checkpoint),
    heldOut: await loadPictures(join(folder, "held-out"), checkpoint),
  };
  const unreduced = {};
  for (const [name, pictures] of Object.entries(sets))
    unreduced[name] = await predict(checkpoint, backend, undefined, pictures);

  async function point(policy, budget, reduction) {
    const name = budget === null ? policy : `${policy}, ${budget.toFixed(2)} GMACs`;
    tell(name);
    const facts = {
      policy,
      budget,
      gmacs: modelCost(checkpoint.config, reduction).gmacs,
      reduction: reduction ?? null,
    };
    for (const [set, pictures] of Object.entries(sets)) {
      const predictions = reduction ? await predict(checkpoint, backend, reduction, pictures) : unreduced[set];
      facts[set] = agreementOf(pictures, unreduced[set], predictions);
    }
    return { name, facts };
  }

  const measurements = [await point("unreduced", null, undefined)];
  for (const budget of budgets)
    for (const [policy, settings] of Object.entries(policiesOf(checkpoint.config))) {
      const reduction = scheduleFor(checkpoint.config, settings, budget);
      if (reduction) measurements.push(await point(policy, budget, reduction));
    }
  const images = await filesOf(join(folder, "calibration-0"));
  const calibration = await calibrate("demo", { images, backend, gmacs: budgets });
  for (const budget of budgets)
    measurements.push(await point("ppt-calibrated", budget, chooseSettings(calibration, { gmacs: budget }).reduction));
  await backend.dispose();
  const { config, weights } = checkpoint;
  return {
    settings: {
      model: { name: "demo", fingerprint: modelFingerprint(config, weights), backend: backend.name },
      pictures: { test: sets.test.length, heldOut: sets.heldOut.length },
      budgets,
      calibration: { pictures: images.length, trials: calibration.trials.length },
    },
    measurements,
  };
}

/**
 * The fewest tokens that keep the budget, the same number in each block; the remainder goes to the first blocks. Undefined
 * where removing all that can be removed is not enough.
 */
export function scheduleFor(config, settings, budget) {
  const { length } = settings.layers;
  for (let total = 1; total <= 100 * length; total++) {
    const tokensRemoved = settings.layers.map((_, i) => Math.floor((total + length - 1 - i) / length));
    const reduction = { ...settings, tokensRemoved };
    if (modelCost(config, reduction).gmacs <= budget) return reduction;
  }
  return undefined;
}

const count = (flags) => flags.filter(Boolean).length;

export function agreementOf(pictures, reference, predictions) {
  const before = pictures.map(({ label }, i) => reference[i] === label);
  const after = pictures.map(({ label }, i) => predictions[i] === label);
  return {
    correct: count(after),
    top1: count(after) / pictures.length,
    // Pictures that only the unreduced model names rightly, and pictures that only this one does.
    lost: count(after.map((right, i) => before[i] && !right)),
    won: count(after.map((right, i) => !before[i] && right)),
    disagreement: count(predictions.map((label, i) => label !== reference[i])) / pictures.length,
  };
}
