/**
 * How many answers of the demo model are right under settings that `calibrate` found on several sets of pictures, and under every fixed
 * policy, at the same budgets.
 * `pnpm bench --benchmark benchmarks/measures/budgets.mjs --set pictures=DIR --set journal=FILE [--set sets=5] [--set parts=4]
 * [--set held-out=no] [--set fixed=all] [--set policies=tome,pitome] [--set budgets=0.57]`, with pictures that accuracy-pictures.py draws.
 * `policies` names the fixed ones that are measured; by default all of them.
 *
 * It is long work: FILE keeps what is known, and the same call goes on with it. `parts` says how many quarters of the test pictures are
 * measured; each of them holds all classes alike. The sets of calibration and test share no picture, and nothing is chosen on the
 * pictures that are measured.
 */
import { join } from "node:path";
import { createOnnxBackend } from "@ppt-vit/backend-onnx";
import { modelCost, modelFingerprint } from "@ppt-vit/core";
import { calibrate, chooseSettings, readCheckpoint } from "@ppt-vit/pipeline";
import { openJournal } from "../journal.mjs";
import { filesOf, loadPictures, predict } from "../pictures.mjs";
import { agreementOf, policiesOf, scheduleFor } from "./accuracy.mjs";

/** GMACs of one image. The first is searched most. */
const usualBudgets = "0.57,0.5,0.45,0.66,0.7,0.8,0.95,1.1";
const quarters = 4;

/** What accuracy.ndjson holds of the same pictures is not measured again, unless `fixed=all` asks for it. */
const isRecorded = (policy, budget) =>
  [1.1, 0.95, 0.8, 0.7, 0.66].includes(budget) &&
  ["ppt-published", "ppt-pool", "tome", "top-k", "evit"].includes(policy);

export async function measure({ settings: { pictures: folder, journal, sets = "5", parts = "4", ...more }, tell }) {
  const budgets = (more.budgets ?? usualBudgets).split(",").map(Number);
  const checkpoint = await readCheckpoint("demo");
  const { config, weights } = checkpoint;
  const fingerprint = modelFingerprint(config, weights);
  const backend = await createOnnxBackend({ device: "cpu", threads: 1 });
  const once = openJournal(journal);

  const everybody = [{ name: "unreduced", facts: { policy: "unreduced", budget: null }, reduction: undefined }];
  const searches = [];
  for (let set = 0; set < Number(sets); set++) {
    const name = `calibration-${set}`;
    tell(name);
    const images = await filesOf(join(folder, name));
    const found = await once(["calibrate", fingerprint, name, images.length, budgets], async () => {
      const begun = process.cpuUsage();
      const keyOf = ({ pictures }, key) => ["trial", fingerprint, pictures, key];
      const memory = (identity) => ({
        get: (key) => once.get(keyOf(identity, key)),
        set: (key, trial) => void once.keep(keyOf(identity, key), trial),
      });
      const calibration = await calibrate("demo", { images, backend, gmacs: budgets, memory });
      const { user, system } = process.cpuUsage(begun);
      return {
        reductions: budgets.map((budget) => chooseSettings(calibration, { gmacs: budget }).reduction),
        trials: calibration.trials.length + calibration.screened,
        processorSeconds: (user + system) / 1e6,
      };
    });
    const { reductions, ...facts } = found;
    searches.push({ set: name, pictures: images.length, ...facts });
    budgets.forEach((budget, i) => {
      const facts = { policy: "searched", budget, set: name };
      everybody.push({ name: `searched on ${name}, ${budget} GMACs`, facts, reduction: reductions[i] });
    });
  }
  for (const budget of budgets)
    for (const [policy, settings] of Object.entries(policiesOf(config))) {
      if (more.fixed !== "all" && isRecorded(policy, budget)) continue;
      if (more.policies !== undefined && !more.policies.split(",").includes(policy)) continue;
      const reduction = scheduleFor(config, settings, budget);
      if (reduction) everybody.push({ name: `${policy}, ${budget} GMACs`, facts: { policy, budget }, reduction });
    }

  const test = await loadPictures(join(folder, "test"), checkpoint);
  const heldOut = await loadPictures(join(folder, "held-out"), checkpoint);
  const quarter = (i) => test.filter((_, k) => k % quarters === i);
  const answers = { test: new Map(), heldOut: new Map() };
  const pictures = { test: [], heldOut };
  // The first quarter of the pictures for everybody comes first, so that a whole table is there early.
  const rounds = [
    ...Array.from({ length: Number(parts) }, (_, i) => ["test", i]),
    ...(more["held-out"] === "no" ? [] : [["heldOut", 0]]),
  ];
  everybody.sort((a, b) => budgets.indexOf(a.facts.budget) - budgets.indexOf(b.facts.budget));
  for (const [set, part] of rounds) {
    const these = set === "test" ? quarter(part) : heldOut;
    if (set === "test") pictures.test.push(...these);
    for (const { name, reduction } of everybody) {
      tell(`${set} ${part}: ${name}`);
      const predictions = await once(["answers", fingerprint, reduction ?? null, set, part, these.length], () =>
        predict(checkpoint, backend, reduction, these),
      );
      answers[set].set(name, [...(answers[set].get(name) ?? []), ...predictions]);
    }
  }
  await backend.dispose();

  const agreement = (name) =>
    Object.fromEntries(
      [...new Set(rounds.map(([set]) => set))].map((set) => [
        set,
        agreementOf(pictures[set], answers[set].get("unreduced"), answers[set].get(name)),
      ]),
    );
  return {
    settings: {
      model: { name: "demo", fingerprint, backend: backend.name },
      pictures: Object.fromEntries(rounds.map(([set]) => [set, pictures[set].length])),
      budgets,
      searches,
    },
    measurements: everybody.map(({ name, facts, reduction }) => ({
      name,
      facts: { ...facts, gmacs: modelCost(config, reduction).gmacs, reduction: reduction ?? null, ...agreement(name) },
    })),
  };
}
