/**
 * Pictures a second of `ppt-vit classify --out`, against a plain loop over the pipeline of transformers.js, on the same JPEG files of
 * 500 x 375 pixels and the same random weights of a geometry. The contenders take turns. Prints a line of JSON for each: the median over
 * the rounds of its rate and of the ratio to transformers.js in the same round, and for jobs the share of time that they wait for pictures.
 *
 *   node benchmarks/jobs.mjs [GEOMETRY [PICTURES [ROUNDS]]]     default: deit-ti, 128 pictures, 3 rounds
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { env, pipeline } from "@huggingface/transformers";
import { parseModelConfig, randomWeights, weightsFrom } from "@ppt-vit/core";
import { demoSamplesUrl } from "@ppt-vit/demo-model";
import { median } from "@ppt-vit/pipeline";
import { build } from "esbuild";
import { writeCheckpoint, writeConfigs } from "./checkpoint.mjs";
import { plainOnnx } from "./contenders/onnx.mjs";

const [geometryName = "deit-ti", pictures = "128", rounds = "3"] = process.argv.slice(2);
const root = fileURLToPath(new URL("..", import.meta.url));
const cli = join(root, "packages", "cli");
const home = mkdtempSync(join(tmpdir(), "ppt-vit-jobs-"));
process.on("exit", () => rmSync(home, { recursive: true, force: true }));

const bundle = join(cli, "dist", "geometries-benchmark.mjs");
await build({
  entryPoints: [join(cli, "src", "commands", "bench", "geometries.ts")],
  outfile: bundle,
  bundle: true,
  format: "esm",
  platform: "node",
  packages: "external",
  logLevel: "error",
});
const { requireGeometry } = await import(pathToFileURL(bundle).href);
rmSync(bundle);

const geometry = requireGeometry(geometryName);
const config = parseModelConfig(geometry);
const weights = weightsFrom(randomWeights(config, 1));
for (const folder of ["model", "plain/onnx", "pictures"]) mkdirSync(join(home, folder), { recursive: true });
writeCheckpoint(join(home, "model"), geometry, weights);
writeConfigs(join(home, "plain"), geometry);
writeFileSync(join(home, "plain", "onnx", "model.onnx"), plainOnnx({ config, weights }));

const sharp = createRequire(join(root, "packages", "pipeline", "package.json"))("sharp");
const samples = fileURLToPath(demoSamplesUrl);
const sources = readdirSync(samples).filter((name) => name.endsWith(".png"));
for (let i = 0; i < Number(pictures); i++)
  await sharp(join(samples, sources[i % sources.length]))
    .resize(500, 375, { fit: "fill" })
    .jpeg({ quality: 90 })
    .toFile(join(home, "pictures", `${String(i).padStart(5, "0")}.jpg`));

env.allowRemoteModels = false;
env.localModelPath = home;
const classifier = await pipeline("image-classification", "plain", { dtype: "fp32", device: "cpu" });
const paths = readdirSync(join(home, "pictures"))
  .sort()
  .map((name) => join(home, "pictures", name));

async function plainLoop() {
  const start = performance.now();
  for (const path of paths) await classifier(path, { top_k: 5 });
  return { rate: paths.length / ((performance.now() - start) / 1000) };
}

/** Without the start of the process and the loading of the model, which the loop does not count either. */
const job =
  (...options) =>
  () => {
    const out = join(home, "out");
    rmSync(out, { recursive: true, force: true });
    const args = ["classify", "pictures", "--model", "./model", "--backend", "onnx-cpu", "--batch", "8", "--out", out];
    execFileSync(process.execPath, [join(cli, "dist", "main.js"), ...args, ...options], { cwd: home, stdio: "ignore" });
    const { rows, seconds } = JSON.parse(readFileSync(join(out, "_job", "part-000000.json"), "utf8"));
    return { rate: rows / seconds.total, waiting: seconds.waiting / seconds.total };
  };

const contenders = {
  "transformers.js loop, fp32": plainLoop,
  "job, unreduced, fp32": job("--no-ppt"),
  "job, unreduced, q8": job("--no-ppt", "--dtype", "q8"),
  "job, PPT, fp32": job(),
  "job, PPT, q8": job("--dtype", "q8"),
};
await plainLoop();
const turns = Object.fromEntries(Object.keys(contenders).map((name) => [name, []]));
for (let round = 0; round < Number(rounds); round++)
  for (const [name, run] of Object.entries(contenders)) turns[name].push(await run());
const [first] = Object.keys(contenders);
for (const [name, own] of Object.entries(turns))
  console.log(
    JSON.stringify({
      ...{ contender: name, geometry: geometryName, pictures: paths.length, rounds: own.length },
      picturesPerSecond: Number(median(own.map(({ rate }) => rate)).toFixed(1)),
      ratio: Number(median(own.map(({ rate }, i) => rate / turns[first][i].rate)).toFixed(2)),
      ...(own[0].waiting !== undefined && { waiting: Number(median(own.map(({ waiting }) => waiting)).toFixed(3)) }),
    }),
  );
