/**
 * Whether `calibrate` keeps its bound: settings found on 64 pictures without labels, and how often their answers differ from
 * the unreduced model's on pictures that it never saw.
 * `pnpm bench --benchmark benchmarks/measures/calibration.mjs --set pictures=DIR [--set sets=1,2,3,4]`, with pictures that
 * accuracy-pictures.py draws.
 */
import { join } from "node:path";
import { createOnnxBackend } from "@ppt-vit/backend-onnx";
import { modelCost } from "@ppt-vit/core";
import { calibrate, chooseSettings, disagreementInterval, readCheckpoint } from "@ppt-vit/pipeline";
import { filesOf, loadPictures, predict } from "../pictures.mjs";

const bounds = [0.01, 0.02];
/** Budgets that `calibrate` tries, as shares of the unreduced model's GMACs. */
const shares = [0.64, 0.84, 0.74, 0.69, 0.6, 0.55];

export async function measure({ settings: { pictures: folder, sets = "1,2,3,4" }, tell }) {
  const checkpoint = await readCheckpoint("demo");
  const gmacs = shares.map((share) => share * modelCost(checkpoint.config).gmacs);
  // One thread: on a machine that other work uses too, threads that wait for each other lose more than they gain.
  const backend = await createOnnxBackend({ device: "cpu", threads: 1 });
  const test = await loadPictures(join(folder, "test"), checkpoint);
  const reference = await predict(checkpoint, backend, undefined, test);
  const measurements = [];
  for (const set of sets.split(",")) {
    tell(`calibrating on set ${set}`);
    const images = await filesOf(join(folder, `calibration-${set}`));
    const start = process.cpuUsage();
    const calibration = await calibrate("demo", { images, backend, gmacs });
    const { user, system } = process.cpuUsage(start);
    for (const maxDisagreement of bounds) {
      const trial = chooseSettings(calibration, { maxDisagreement });
      const { reduction, disagreements, pictures } = trial;
      const predictions = await predict(checkpoint, backend, reduction, test);
      const unseen = predictions.filter((label, i) => label !== reference[i]).length;
      const facts = {
        set,
        maxDisagreement,
        reduction,
        gmacs: trial.gmacs,
        seen: { disagreements, pictures, interval95: disagreementInterval(trial) },
        trials: calibration.trials.length,
        cpuSeconds: (user + system) / 1e6,
        unseen: { disagreements: unseen, pictures: test.length, share: unseen / test.length },
      };
      measurements.push({ name: `set ${set}, at most ${100 * maxDisagreement} %`, facts });
    }
  }
  await backend.dispose();
  return { settings: { model: "demo", bounds, sets }, measurements };
}
