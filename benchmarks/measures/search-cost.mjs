/**
 * What a search of `calibrate` at one budget costs: its trials, and its processor time on one thread of native ONNX Runtime.
 * `pnpm bench --benchmark benchmarks/measures/search-cost.mjs --set pictures=DIR [--set models=demo,deit-s] [--set share=0.455]
 * [--set number=64]`, with pictures that accuracy-pictures.py draws, of which it takes `number`. `share` is the budget as a share of the unreduced multiply-accumulates: by default 0.57
 * GMACs for the demo model. Other models than `demo` are geometries with random weights: the number of trials depends on the weights a
 * little, the time of a trial does not.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createOnnxBackend } from "@ppt-vit/backend-onnx";
import { modelCost } from "@ppt-vit/core";
import { calibrate, chooseSettings, readCheckpoint } from "@ppt-vit/pipeline";
import { filesOf } from "../pictures.mjs";

const cell = fileURLToPath(new URL("../load-cell.mjs", import.meta.url));

export async function measure({
  settings: { pictures, models = "demo,deit-s", share = "0.455", number = "64" },
  tell,
  geometry,
}) {
  const images = (await filesOf(join(pictures, "calibration-0"))).slice(0, Number(number));
  const backend = await createOnnxBackend({ device: "cpu", threads: 1 });
  const measurements = [];
  for (const name of models.split(",")) {
    const folder = mkdtempSync(join(tmpdir(), "ppt-vit-search-"));
    try {
      if (name !== "demo") {
        writeFileSync(join(folder, "config.json"), JSON.stringify(geometry(name)));
        execFileSync(process.execPath, [cell, "make", folder, "F32"]);
      }
      const model = name === "demo" ? name : folder;
      const unreduced = modelCost((await readCheckpoint(model)).config).gmacs;
      const budget = Number(share) * unreduced;
      const begun = { clock: performance.now(), processor: process.cpuUsage() };
      const onProgress = ({ done, about }) => tell(`${name}: ${done} of about ${about}`);
      const target = { gmacs: budget };
      const calibration = await calibrate(model, { images, backend, gmacs: [budget], target, onProgress });
      const { user, system } = process.cpuUsage(begun.processor);
      const chosen = chooseSettings(calibration, target);
      measurements.push({
        name: `${name}, ${budget.toFixed(2)} of ${unreduced.toFixed(2)} GMACs`,
        facts: {
          ...{ model: name, budget, unreduced, pictures: images.length },
          trials: { onHalf: calibration.screened, onAll: calibration.trials.length },
          processorSeconds: (user + system) / 1e6,
          seconds: (performance.now() - begun.clock) / 1000,
          chosen: { reduction: chosen.reduction, divergence: chosen.divergence },
        },
      });
    } finally {
      rmSync(folder, { recursive: true });
    }
  }
  await backend.dispose();
  return { settings: { models, share: Number(share), backend: "onnx-cpu", threads: 1 }, measurements };
}
