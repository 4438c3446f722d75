/**
 * What fine-tuning wins back on the demo model.
 * `pnpm bench --benchmark benchmarks/measures/fine-tuned.mjs --set pictures=DIR --set runs=FOLDER[,FOLDER...] --set journal=FILE`, with
 * pictures that accuracy-pictures.py draws and folders that `ppt-vit finetune` wrote, from its sets `training` and `validation`. No run
 * may have seen the pictures of the test. FILE keeps what is known, and the same call goes on with it.
 *
 * The untrained weights and the trained ones run with the same reduction, on the same pictures. The interval of their difference is
 * that of paired pictures: won and lost ones, in percentage points, 95 %.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { createOnnxBackend } from "@ppt-vit/backend-onnx";
import { modelCost, modelFingerprint } from "@ppt-vit/core";
import { readCheckpoint } from "@ppt-vit/pipeline";
import { openJournal } from "../journal.mjs";
import { loadPictures, predict } from "../pictures.mjs";
import { agreementOf } from "./accuracy.mjs";

/** The difference of two shares of right answers to the same pictures, and its interval by the variance of won minus lost. */
function pairedDifference({ lost, won }, pictures) {
  const mean = (won - lost) / pictures;
  const deviation = Math.sqrt(((won + lost) / pictures - mean ** 2) / pictures);
  const points = (share) => 100 * share;
  return { points: points(mean), interval: [points(mean - 1.96 * deviation), points(mean + 1.96 * deviation)] };
}

export async function measure({ settings: { pictures: folder, runs, journal }, tell }) {
  const demo = await readCheckpoint("demo");
  const backend = await createOnnxBackend({ device: "cpu", threads: 1 });
  const pictures = await loadPictures(join(folder, "test"), demo);
  const once = openJournal(journal);
  const answersOf = (checkpoint, reduction) =>
    once([modelFingerprint(checkpoint.config, checkpoint.weights), reduction ?? null, pictures.length], () =>
      predict(checkpoint, backend, reduction, pictures),
    );
  tell("unreduced");
  const unreduced = await answersOf(demo);
  const test = (reference, predictions) => {
    const agreement = agreementOf(pictures, reference, predictions);
    return { ...agreement, difference: pairedDifference(agreement, pictures.length) };
  };
  const measurements = [
    { name: "unreduced", facts: { gmacs: modelCost(demo.config).gmacs, test: test(unreduced, unreduced) } },
  ];
  for (const run of runs.split(",")) {
    const tuned = await readCheckpoint(run);
    const { reduction } = tuned;
    const {
      steps,
      evaluations,
      chosen,
      settings,
      engine,
      pictures: trainedOn,
      seconds,
      peakBytes,
    } = JSON.parse(await readFile(join(run, "finetune.json"), "utf8"));
    const { gmacs } = modelCost(demo.config, reduction);
    const name = `${gmacs.toFixed(2)} GMACs, seed ${settings.seed}`;
    tell(name);
    const { model: _, ...same } = reduction;
    const before = await answersOf(demo, same);
    const after = await answersOf(tuned, same);
    measurements.push({
      name,
      facts: {
        gmacs,
        reduction: same,
        before: test(unreduced, before),
        after: test(unreduced, after),
        gained: pairedDifference(agreementOf(pictures, before, after), pictures.length),
        training: {
          ...{ settings, engine, pictures: trainedOn, evaluations, chosen, seconds, peakBytes },
          losses: steps.map(({ loss }) => Number(loss.toPrecision(4))),
        },
      },
    });
  }
  await backend.dispose();
  return {
    settings: {
      model: { name: "demo", fingerprint: modelFingerprint(demo.config, demo.weights), backend: backend.name },
      pictures: { test: pictures.length },
    },
    measurements,
  };
}
