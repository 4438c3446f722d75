/**
 * Whether `calibrate` keeps what it says: settings found on 64 pictures without labels, and how often their answers differ
 * from the unreduced model's on pictures that it never saw.
 * `node calibration.mjs --pictures DIR --out FILE [--sets 1,2,3]`, with pictures drawn by accuracy-pictures.py.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { createOnnxBackend } from "@ppt-vit/backend-onnx";
import { describeReduction, modelCost } from "@ppt-vit/core";
import { calibrate, chooseSettings, disagreementInterval, readCheckpoint } from "@ppt-vit/pipeline";
import { environment } from "./environment.mjs";
import { filesOf, loadPictures, predict } from "./pictures.mjs";

const { values: flags } = parseArgs({
  options: {
    pictures: { type: "string" },
    out: { type: "string" },
    sets: { type: "string", default: "1,2,3,4" },
  },
});

const bounds = [0.01, 0.02];
const checkpoint = await readCheckpoint("demo");
const unreduced = modelCost(checkpoint.config).gmacs;
const gmacs = [0.64, 0.84, 0.74, 0.69, 0.6, 0.55].map((share) => share * unreduced);
// One thread: on a machine that others use too, threads that wait for each other lose more than they gain.
const backend = await createOnnxBackend({ device: "cpu", threads: 1 });

const found = [];
for (const set of flags.sets.split(",")) {
  const images = await filesOf(join(flags.pictures, `calibration-${set}`));
  const start = process.cpuUsage();
  const calibration = await calibrate("demo", { images, backend, gmacs });
  const { user, system } = process.cpuUsage(start);
  for (const maxDisagreement of bounds) {
    const trial = chooseSettings(calibration, { maxDisagreement });
    const { reduction, disagreements, pictures } = trial;
    found.push({
      set,
      maxDisagreement,
      reduction,
      gmacs: trial.gmacs,
      seen: { disagreements, pictures, interval95: disagreementInterval(trial) },
      trials: calibration.trials.length,
      cpuSeconds: (user + system) / 1e6,
    });
  }
  console.log(set, calibration.trials.length, ((user + system) / 1e6).toFixed(0), "s of processor time");
}

const test = await loadPictures(join(flags.pictures, "test"), checkpoint);
const reference = await predict(checkpoint, backend, undefined, test);
const measured = new Map();
for (const entry of found) {
  const key = JSON.stringify(entry.reduction);
  if (!measured.has(key)) {
    const predictions = await predict(checkpoint, backend, entry.reduction, test);
    measured.set(key, predictions.filter((label, i) => label !== reference[i]).length);
  }
  const disagreements = measured.get(key);
  entry.unseen = { disagreements, pictures: test.length, share: disagreements / test.length };
  console.log(
    entry.set,
    entry.maxDisagreement,
    entry.gmacs.toFixed(3),
    entry.unseen.share,
    describeReduction(entry.reduction),
  );
}
await backend.dispose();
const what =
  "disagreement of calibrated settings with the unreduced demo model, on the pictures they were found on and on others";
writeFileSync(flags.out, `${JSON.stringify({ what, environment: environment(), bounds, found }, null, 1)}\n`);
