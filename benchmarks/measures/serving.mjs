/**
 * What dynamic batching gives a server that runs an exported model in Python's onnxruntime: answers a second and latency, for limits of
 * batches.
 * `pnpm bench --benchmark benchmarks/measures/serving.mjs [--set model=deit-ti] [--set limits=1,4,8,16] [--set clients=16]
 * [--set seconds=5] [--set exports=unreduced,ppt,ppt-q8] [--set python=python3]`
 *
 * `clients` threads ask one picture at a time and wait for the answer (serving.py). Weights are random. Python needs onnxruntime.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseModelConfig, randomWeights, weightsFrom } from "@ppt-vit/core";
import { writeCheckpoint } from "../checkpoint.mjs";

const main = fileURLToPath(new URL("../../packages/cli/dist/main.js", import.meta.url));
const script = fileURLToPath(new URL("../serving.py", import.meta.url));

/** How each is exported, and its file. */
const known = {
  unreduced: { options: ["--no-ppt", "--dtype", "fp32"], file: "model.onnx" },
  ppt: { options: ["--dtype", "fp32"], file: "model.onnx" },
  "ppt-q8": { options: ["--dtype", "q8"], file: "model_quantized.onnx" },
};

export async function measure({ settings, tell, geometry }) {
  const { model = "deit-ti", limits = "1,4,8,16", clients = "16", seconds = "5", python = "python3" } = settings;
  const { exports = "unreduced,ppt,ppt-q8" } = settings;
  const home = mkdtempSync(join(tmpdir(), "ppt-vit-serving-"));
  try {
    const json = geometry(model);
    mkdirSync(join(home, "model"));
    writeCheckpoint(join(home, "model"), json, weightsFrom(randomWeights(parseModelConfig(json), 1)));
    const measurements = exports.split(",").flatMap((name) => {
      const { options, file } = known[name];
      tell(`${name}: exporting`);
      const args = ["export", "--model", join(home, "model"), "--out", join(home, name), "--for", "cpu", ...options];
      execFileSync(process.execPath, [main, ...args], { stdio: "ignore" });
      tell(`${name}: serving`);
      const path = join(home, name, "onnx", file);
      const lines = execFileSync(python, [script, path, clients, seconds, limits], { encoding: "utf8" }).trim();
      return lines.split("\n").map((line) => {
        const facts = JSON.parse(line);
        return { name: `${name}, batches of at most ${facts.limit}`, facts: { export: name, ...facts } };
      });
    });
    return { settings: { model, limits, clients: Number(clients), seconds: Number(seconds) }, measurements };
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}
