/**
 * Whether settings that `calibrate` chooses by a table of latencies are faster than those it chooses by GMACs, at equal divergence.
 * `pnpm bench --benchmark benchmarks/measures/by-latency.mjs --set pictures=DIR --set journal=FILE [--set sets=2]
 * [--set budgets=0.57,0.8] [--set rounds=20] [--set test=500] [--set until=tables|settings]`, with pictures that accuracy-pictures.py
 * draws.
 *
 * For each set of pictures, budget and backend: the best settings within the budget are A. A search by time, to the time that the
 * table gives A, finds B, the fastest settings with at most A's divergence on the pictures held back. Then all of them take turns with
 * the unreduced model, one picture a run, on one thread, and their divergences on fresh pictures are measured.
 * FILE keeps what is known, and the same call goes on with it. Tables and turns need an idle machine, the searches between them do not:
 * `until=tables` and `until=settings` stop before the next part.
 */
import { join } from "node:path";
import { createOnnxBackend } from "@ppt-vit/backend-onnx";
import { createWasmBackend } from "@ppt-vit/backend-wasm";
import { createVisionModel, modelCost, modelFingerprint, verificationInput } from "@ppt-vit/core";
import { calibrate, chooseSettings, divergence, readCheckpoint } from "@ppt-vit/pipeline";
import { openJournal } from "../journal.mjs";
import { filesOf, loadPictures, logitsOf } from "../pictures.mjs";
import { quantile, ratiosOf, takeTurns } from "../turns.mjs";

const backends = {
  "onnx-cpu": () => createOnnxBackend({ device: "cpu", threads: 1 }),
  wasm: () => createWasmBackend({ threads: 1 }),
};
const batch = 1;

/** The table of a backend: a search that ends as soon as it has one. */
async function tableOf(name, images) {
  const backend = await backends[name]();
  const { signal, abort } = stopper();
  let table;
  const onLatencies = (measured) => {
    table = measured;
    abort();
  };
  await calibrate("demo", {
    images,
    backend,
    batch,
    measure: "latency",
    target: { speedup: 1.5 },
    signal,
    onLatencies,
  }).catch((error) => {
    if (!table) throw error;
  });
  await backend.dispose();
  return table;
}

const stopper = () => {
  const controller = new AbortController();
  return { signal: controller.signal, abort: () => controller.abort() };
};

export async function measure({ settings, tell }) {
  const { pictures: folder, journal, sets = "2", rounds = "20", test = "500", until } = settings;
  const budgets = (settings.budgets ?? "0.57,0.8").split(",").map(Number);
  const checkpoint = await readCheckpoint("demo");
  const { config, weights } = checkpoint;
  const fingerprint = modelFingerprint(config, weights);
  const once = openJournal(journal);
  const names = Array.from({ length: Number(sets) }, (_, set) => `calibration-${set}`);
  const done = { settings: {}, measurements: [] };

  const tables = {};
  for (const name of Object.keys(backends)) {
    tell(`${name}: table of latencies`);
    const images = (await filesOf(join(folder, names[0]))).slice(0, 1);
    tables[name] = await once(["table", fingerprint, name], () => tableOf(name, images));
  }
  if (until === "tables") return done;

  // All backends take the same decisions, so all trials run on native CPUs. Only the times are the backend's.
  const native = await backends["onnx-cpu"]();
  const search = async (set, table, options) => {
    const images = await filesOf(join(folder, set));
    const keyOf = (key) => ["trial", fingerprint, set, key];
    const memory = () => ({
      get: (key) => once.get(keyOf(key)),
      set: (key, trial) => void once.keep(keyOf(key), trial),
    });
    const latencies = [{ ...table, backend: native.name }];
    return calibrate("demo", { images, backend: native, batch, measure: "latency", latencies, memory, ...options });
  };
  const known = ({ reduction, estimatedMs, divergence: apart }) => ({ reduction, estimatedMs, divergence: apart });
  const pairs = [];
  for (const set of names)
    for (const budget of budgets)
      for (const [name, table] of Object.entries(tables)) {
        tell(`${set}, ${budget} GMACs, ${name}`);
        const pair = await once(["pair", fingerprint, set, budget, name], async () => {
          const target = { gmacs: budget };
          const byGmacs = known(chooseSettings(await search(set, table, { gmacs: [budget], target }), target));
          const speedup = table.unreducedMs / byGmacs.estimatedMs;
          const calibration = await search(set, table, { target: { speedup } });
          return { byGmacs, byLatency: known(chooseSettings(calibration, { maxDivergence: byGmacs.divergence })) };
        });
        pairs.push({ set, budget, backend: name, ...pair });
      }
  if (until === "settings") {
    await native.dispose();
    return done;
  }

  // The files are sorted by class, so every so many of them hold all classes alike.
  const all = await loadPictures(join(folder, "test"), checkpoint);
  const fresh = all.filter((_, i) => i % Math.max(1, Math.floor(all.length / Number(test))) === 0);
  const unreduced = await logitsOf(checkpoint, native, undefined, fresh);
  const divergenceOf = (reduction) =>
    once(["divergence", fingerprint, reduction, fresh.length], async () => {
      tell(`divergence of ${JSON.stringify(reduction)}`);
      const answers = await logitsOf(checkpoint, native, reduction, fresh);
      return answers.reduce((sum, logits, i) => sum + divergence(unreduced[i], logits), 0) / fresh.length;
    });
  for (const pair of pairs)
    for (const one of [pair.byGmacs, pair.byLatency]) one.fresh = await divergenceOf(one.reduction);
  await native.dispose();

  const measurements = [];
  for (const name of Object.keys(backends)) {
    tell(`${name}: turns`);
    const backend = await backends[name]();
    const of = pairs.filter((pair) => pair.backend === name);
    const open = (reduction) => createVisionModel({ config, weights, backend, reduction });
    const models = [await open(undefined)];
    for (const { byGmacs, byLatency } of of)
      models.push(await open(byGmacs.reduction), await open(byLatency.reduction));
    const turns = await takeTurns(models, { pixelValues: verificationInput(config, 0), batch }, Number(rounds));
    for (const model of models) await model.dispose();
    await backend.dispose();
    const factsOf = ({ reduction, estimatedMs, divergence: heldBack, fresh: onFresh }, i) => ({
      ...{ reduction, gmacs: modelCost(config, reduction).gmacs, estimatedMs },
      divergence: { heldBack, fresh: onFresh },
      speedup: ratiosOf(turns[0], turns[i]),
    });
    for (const [i, { set, budget, byGmacs, byLatency }] of of.entries()) {
      const [a, b] = [2 * i + 1, 2 * i + 2];
      measurements.push({
        name: `${set}, ${budget} GMACs on ${name}, batch ${batch}`,
        facts: {
          ...{ backend: name, batch, threads: 1, set, budget },
          unreducedMs: {
            table: tables[name].unreducedMs,
            turns: quantile(
              turns[0].map(({ ms }) => ms),
              0.5,
            ),
          },
          byGmacs: factsOf(byGmacs, a),
          byLatency: factsOf(byLatency, b),
          // Above 1 where the settings chosen by latency are faster.
          gained: ratiosOf(turns[a], turns[b]),
        },
      });
    }
  }
  return {
    settings: { model: { name: "demo", fingerprint }, rounds: Number(rounds), pictures: { fresh: fresh.length } },
    measurements,
  };
}
