/**
 * What the precisions of weights change on the demo model: top-1, answers, decisions and divergence beside fp32, by `ppt-vit eval
 * --compare-dtype`, unreduced and with the model's own PPT.
 * `pnpm bench --benchmark benchmarks/measures/dtypes.mjs --set pictures=DIR [--set backend=onnx-cpu] [--set batch=1] [--set
 * limit=500] [--set work=DIR]`, with pictures that accuracy-pictures.py draws. `work` keeps the journals, so that the same call goes
 * on after an interruption; `limit` takes so many pictures of each set.
 */
import { spawn } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { quantizedDtypeNames } from "@ppt-vit/core";

const main = fileURLToPath(new URL("../../packages/cli/dist/main.js", import.meta.url));
const sets = { test: "test", heldOut: "held-out" };
const models = { ppt: [], unreduced: ["--no-ppt"] };

export async function measure({
  settings: { pictures: folder, backend = "onnx-cpu", batch = "1", policies = "ppt,unreduced", limit, work },
  tell,
}) {
  const measurements = [];
  const counted = {};
  let model;
  for (const reduction of policies.split(","))
    for (const [set, name] of Object.entries(sets)) {
      tell(`${backend}, batch ${batch}: ${set}, ${reduction}`);
      const kept =
        work === undefined ? [] : ["--out", join(work, `${backend}-${batch}-${limit}-${set}-${reduction}.json`)];
      const result = await evaluate(join(folder, name), [
        ...["--backend", backend, "--batch", batch],
        ...(limit === undefined ? [] : ["--limit", limit]),
        ...[...models[reduction], ...kept],
      ]);
      const { summary, settings, gmacs } = result;
      const { pictures, failed, top1, top5, loss, dtypes } = summary;
      if (failed > 0) throw new Error(`${failed} pictures of ${name} could not be used`);
      counted[set] = pictures;
      model = { name: "demo", fingerprint: settings.model.fingerprint.slice(0, 16) };
      measurements.push({
        name: `${set}, ${reduction}`,
        facts: {
          ...{ set, policy: reduction, gmacs: gmacs.reduced, reduction: settings.reduction, pictures },
          fp32: { top1, top5, loss },
          ...dtypes,
        },
      });
    }
  return {
    settings: { model, backend, batch: Number(batch), dtypes: quantizedDtypeNames, pictures: counted },
    measurements,
  };
}

/** The document of `ppt-vit eval --json`. */
function evaluate(dataset, flags) {
  const args = ["eval", dataset, "--model", "demo", "--json", "--no-agreement", ...flags];
  const compared = ["--compare-dtype", quantizedDtypeNames.join(",")];
  const child = spawn(process.execPath, [main, ...args, ...compared], { stdio: ["ignore", "pipe", "pipe"] });
  const [out, said] = [[], []];
  child.stdout.on("data", (part) => out.push(part));
  child.stderr.on("data", (part) => said.push(part));
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => {
      if (code === 0) resolve(JSON.parse(Buffer.concat(out).toString()));
      else reject(new Error(`ppt-vit eval ended with code ${code}: ${Buffer.concat(said).toString().trim()}`));
    });
  });
}
