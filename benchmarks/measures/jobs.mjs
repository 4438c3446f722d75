/**
 * Pictures a second of `ppt-vit classify --out`, against plain loops over the pipeline of transformers.js, on the same JPEG files of
 * 500 x 375 pixels and the same random weights of a geometry.
 * `pnpm bench --benchmark benchmarks/measures/jobs.mjs [--set model=deit-ti] [--set pictures=128] [--set batches=8] [--set rounds=3]`
 *
 * The contenders take turns. `picturesPerSecond` is the median over the rounds, and so are the ratios to both loops in the same round. The
 * loop in q8 runs a file as the standard quantiser writes it. For jobs `waiting` is the share of time that they wait for pictures. The
 * start of a process and the loading of its model are not counted.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { env, pipeline } from "@huggingface/transformers";
import { parseModelConfig, randomWeights, weightsFrom } from "@ppt-vit/core";
import { demoSamplesUrl } from "@ppt-vit/demo-model";
import { median } from "@ppt-vit/pipeline";
import { writeCheckpoint, writeConfigs } from "../checkpoint.mjs";
import { plainOnnx } from "../contenders/onnx.mjs";
import { standardQ8 } from "../standard-q8.mjs";

const root = new URL("../../", import.meta.url);
const main = fileURLToPath(new URL("packages/cli/dist/main.js", root));
const loops = ["fp32", "q8"];

export async function measure({ settings, tell, geometry }) {
  const { model = "deit-ti", pictures = "128", batches = "8", rounds = "3" } = settings;
  const home = mkdtempSync(join(tmpdir(), "ppt-vit-jobs-"));
  try {
    tell("writing the model and the pictures");
    writeModels(home, geometry(model));
    const paths = await writePictures(join(home, "pictures"), Number(pictures));
    const contenders = {};
    for (const dtype of loops) contenders[`transformers.js loop, ${dtype}`] = await loop(home, dtype, paths);
    for (const batch of batches.split(","))
      for (const [policy, options] of Object.entries({ unreduced: ["--no-ppt"], PPT: [] }))
        for (const dtype of ["fp32", "q8"])
          contenders[`job, ${policy}, ${dtype}, batch ${batch}`] = job(
            home,
            [...options, "--dtype", dtype, "--batch", batch],
            { policy, dtype, batch: Number(batch) },
          );
    const turns = Object.fromEntries(Object.keys(contenders).map((name) => [name, []]));
    for (let round = 0; round < Number(rounds); round++)
      for (const [name, { run }] of Object.entries(contenders)) {
        tell(`round ${round + 1} of ${rounds}: ${name}`);
        turns[name].push(await run());
      }
    const over = (own, dtype) =>
      median(own.map(({ rate }, i) => rate / turns[`transformers.js loop, ${dtype}`][i].rate));
    const measurements = Object.entries(turns).map(([name, own]) => ({
      name,
      facts: {
        ...{ ...contenders[name].facts, picturesPerSecond: median(own.map(({ rate }) => rate)) },
        ...{ overLoop: over(own, "fp32"), overLoopQ8: over(own, "q8") },
        ...(own[0].waiting !== undefined && { waiting: median(own.map(({ waiting }) => waiting)) }),
      },
    }));
    return { settings: { model, pictures: paths.length, batches, rounds: Number(rounds) }, measurements };
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}

function writeModels(home, geometry) {
  const config = parseModelConfig(geometry);
  const weights = weightsFrom(randomWeights(config, 1));
  for (const folder of ["model", "plain/onnx"]) mkdirSync(join(home, folder), { recursive: true });
  writeCheckpoint(join(home, "model"), geometry, weights);
  writeConfigs(join(home, "plain"), geometry);
  writeFileSync(join(home, "plain", "onnx", "model.onnx"), plainOnnx({ config, weights }));
  writeFileSync(join(home, "plain", "onnx", "model_quantized.onnx"), standardQ8({ config, weights }));
}

async function writePictures(folder, count) {
  const sharp = createRequire(new URL("packages/pipeline/package.json", root))("sharp");
  const samples = fileURLToPath(demoSamplesUrl);
  const sources = readdirSync(samples).filter((name) => name.endsWith(".png"));
  mkdirSync(folder);
  const paths = Array.from({ length: count }, (_, i) => join(folder, `${String(i).padStart(5, "0")}.jpg`));
  for (const [i, path] of paths.entries())
    await sharp(join(samples, sources[i % sources.length]))
      .resize(500, 375, { fit: "fill" })
      .jpeg({ quality: 90 })
      .toFile(path);
  return paths;
}

/** As the documentation of transformers.js shows it. The first picture is not counted. */
async function loop(home, dtype, paths) {
  env.allowRemoteModels = false;
  env.localModelPath = home;
  const classifier = await pipeline("image-classification", "plain", { dtype, device: "cpu" });
  await classifier(paths[0], { top_k: 5 });
  return {
    facts: { dtype },
    async run() {
      const start = performance.now();
      for (const path of paths) await classifier(path, { top_k: 5 });
      return { rate: paths.length / ((performance.now() - start) / 1000) };
    },
  };
}

const job = (home, options, facts) => ({
  facts,
  run() {
    const out = join(home, "out");
    rmSync(out, { recursive: true, force: true });
    const args = ["classify", "pictures", "--model", "./model", "--backend", "onnx-cpu", "--out", out];
    execFileSync(process.execPath, [main, ...args, ...options], { cwd: home, stdio: "ignore" });
    const records = readdirSync(join(out, "_job"))
      .filter((name) => /^part-\d+\.json$/.test(name))
      .map((name) => JSON.parse(readFileSync(join(out, "_job", name), "utf8")));
    const sum = (value) => records.reduce((all, record) => all + value(record), 0);
    const total = sum(({ seconds }) => seconds.total);
    return { rate: sum(({ rows }) => rows) / total, waiting: sum(({ seconds }) => seconds.waiting) / total };
  },
});
