/**
 * What each reduction policy costs in accuracy on the demo model, at the same budgets of multiply-accumulates.
 * `node accuracy.mjs --pictures DIR --out FILE [--policies a,b]`, with pictures drawn by accuracy-pictures.py. A file that
 * exists is completed: points that it holds are not measured again.
 *
 * Off the shelf: nothing is trained. The calibrated settings come from `calibrate` on 64 pictures of a set of their own,
 * without labels; nothing else is chosen, and nothing at all on the pictures that are measured.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { createOnnxBackend } from "@ppt-vit/backend-onnx";
import { modelCost, modelFingerprint } from "@ppt-vit/core";
import { calibrate, chooseSettings, readCheckpoint } from "@ppt-vit/pipeline";
import { environment } from "./environment.mjs";
import { filesOf, loadPictures, predict } from "./pictures.mjs";

const { values: flags } = parseArgs({
  options: {
    pictures: { type: "string" },
    out: { type: "string" },
    policies: { type: "string" },
  },
});

/** GMACs of one image at most, in the convention of the paper's tables. The published schedule's comes first. */
const budgets = [0.8, 0.95, 0.7, 0.66, 0.6, 1.1];
const published = [3, 6, 9];

const checkpoint = await readCheckpoint("demo");
const { config, weights } = checkpoint;
// One thread: on a machine that others use too, threads that wait for each other lose more than they gain.
const backend = await createOnnxBackend({ device: "cpu", threads: 1 });
const everyBlock = Array.from({ length: config.layers }, (_, layer) => layer);

/** What is compared, without the counts, which follow from the budget. */
const policies = {
  "ppt-published": { layers: published, threshold: 7e-5 },
  "ppt-pool": { layers: published, threshold: "pool" },
  "top-k": { layers: published, policy: "top-k" },
  evit: { layers: published, policy: "evit" },
  tome: { layers: everyBlock, policy: "tome" },
};

const cost = (reduction) => modelCost(config, reduction).gmacs;

/**
 * The fewest tokens that keep the budget, the same number in each block; what is left of a whole number goes to the
 * first blocks. Undefined where all that can be removed is not enough.
 */
function scheduleFor(settings, budget) {
  const { length } = settings.layers;
  for (let total = 1; total <= 100 * length; total++) {
    const tokensRemoved = settings.layers.map((_, i) => Math.floor((total + length - 1 - i) / length));
    const reduction = { ...settings, tokensRemoved };
    if (cost(reduction) <= budget) return reduction;
  }
  return undefined;
}

const sets = {
  test: await loadPictures(join(flags.pictures, "test"), checkpoint),
  heldOut: await loadPictures(join(flags.pictures, "held-out"), checkpoint),
};
const results = existsSync(flags.out)
  ? JSON.parse(readFileSync(flags.out, "utf8"))
  : {
      what: "top-1 of the demo model under each reduction policy, off the shelf",
      environment: environment(),
      model: { name: "demo", fingerprint: modelFingerprint(config, weights), backend: backend.name },
      pictures: { test: sets.test.length, heldOut: sets.heldOut.length },
      budgets,
      points: [],
    };

const unreduced = {};
for (const [name, pictures] of Object.entries(sets))
  unreduced[name] = await predict(checkpoint, backend, undefined, pictures);

const isRight = (pictures, predictions) => pictures.map(({ label }, i) => predictions[i] === label);
const count = (flags) => flags.filter(Boolean).length;

async function measure(policy, budget, reduction) {
  if (results.points.some((point) => point.policy === policy && point.budget === budget)) return;
  const point = { policy, budget, gmacs: cost(reduction), reduction: reduction ?? null };
  for (const [name, pictures] of Object.entries(sets)) {
    const predictions = reduction ? await predict(checkpoint, backend, reduction, pictures) : unreduced[name];
    const before = isRight(pictures, unreduced[name]);
    const after = isRight(pictures, predictions);
    point[name] = {
      correct: count(after),
      top1: count(after) / pictures.length,
      // Pictures that only the unreduced model names rightly, and that only this one does.
      lost: count(after.map((right, i) => before[i] && !right)),
      won: count(after.map((right, i) => !before[i] && right)),
      disagreement: count(predictions.map((label, i) => label !== unreduced[name][i])) / pictures.length,
    };
  }
  results.points.push(point);
  writeFileSync(flags.out, `${JSON.stringify(results, null, 1)}\n`);
  console.log(
    policy,
    budget,
    point.gmacs.toFixed(3),
    (100 * point.test.top1).toFixed(2),
    (100 * point.heldOut.top1).toFixed(2),
  );
}

await measure("unreduced", null, undefined);
const wanted = flags.policies?.split(",") ?? [...Object.keys(policies), "ppt-calibrated"];
for (const budget of budgets)
  for (const [policy, settings] of Object.entries(policies)) {
    if (!wanted.includes(policy)) continue;
    const reduction = scheduleFor(settings, budget);
    if (reduction) await measure(policy, budget, reduction);
  }

if (wanted.includes("ppt-calibrated")) {
  const images = await filesOf(join(flags.pictures, "calibration-0"));
  const calibration = await calibrate("demo", { images, backend, gmacs: budgets });
  results.calibration = { pictures: images.length, trials: calibration.trials.length };
  for (const budget of budgets)
    await measure("ppt-calibrated", budget, chooseSettings(calibration, { gmacs: budget }).reduction);
}
await backend.dispose();
