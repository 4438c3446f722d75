/**
 * Where a run of a model spends its time on the native CPU, from ONNX Runtime's own profile.
 * `pnpm bench --benchmark benchmarks/measures/onnx-profile.mjs [--set model=deit-s] [--set batch=8] [--set reduced=true]
 * [--set dtype=fp32] [--set threads=2] [--set runs=30]`. `dtype=q8` takes weights in 8 bits.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createOnnxBackend } from "@ppt-vit/backend-onnx";
import {
  createVisionModel,
  defaultReduction,
  parseModelConfig,
  randomWeights,
  verificationInput,
  weightsFrom,
} from "@ppt-vit/core";

const warmUp = 3;

export async function measure({ settings: given, tell, geometry }) {
  const { model = "deit-s", batch = "8", reduced = "true", dtype = "fp32", threads = "2", runs = "30" } = given;
  const settings = {
    model,
    batch: Number(batch),
    reduced: reduced === "true",
    dtype,
    threads: Number(threads),
    runs: Number(runs),
    warmUp,
  };
  tell(`${model}, batch ${batch}: profiling`);
  const nodes = await profile(parseModelConfig(geometry(model)), settings);
  const totals = (kind, key) => totalsOf(nodes, settings.runs, kind, key);
  const inReduction = ({ name }) => name.replace(/^blocks\.\d+\/|_kernel_time$/g, "");
  return {
    settings,
    measurements: [
      ...totals("all nodes", () => ""),
      ...totals("operator", ({ args }) => args.op_name),
      ...totals("step", stepOf),
      ...totals("in the reduction", (node) => (["ppt", "observe"].includes(stepOf(node)) ? inReduction(node) : "rest")),
    ],
  };
}

/** The profiled nodes of all runs after the warm-up. */
async function profile(config, { batch, reduced, dtype, threads, runs }) {
  const folder = mkdtempSync(join(tmpdir(), "ppt-vit-profile-"));
  try {
    const sessionOptions = { enableProfiling: true, profileFilePrefix: join(folder, "profile") };
    const backend = await createOnnxBackend({ device: "cpu", threads, sessionOptions });
    const weights = weightsFrom(randomWeights(config, 1));
    const model = await createVisionModel({
      config,
      weights,
      backend,
      reduction: reduced ? defaultReduction(config) : undefined,
      quantize: dtype === "fp32" ? undefined : dtype,
    });
    const image = verificationInput(config, 0);
    const pixelValues = new Float32Array(batch * image.length);
    for (let i = 0; i < batch; i++) pixelValues.set(image, i * image.length);
    for (let run = 0; run < warmUp + runs; run++) await model.run({ pixelValues, batch });
    // ONNX Runtime writes the profile when a session ends; the backend's own small checks have sessions, too.
    await model.dispose();
    await backend.dispose();
    const profiles = readdirSync(folder).map((file) => JSON.parse(readFileSync(join(folder, file), "utf8")));
    return measuredNodes(profiles.find((events) => startsOf(events).length === warmUp + runs) ?? []);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const startsOf = (events) =>
  events
    .filter(({ name }) => name === "model_run")
    .map(({ ts }) => ts)
    .sort((a, b) => a - b);

function measuredNodes(events) {
  const from = startsOf(events)[warmUp];
  const nodes = events.filter(({ cat, ts, args }) => cat === "Node" && ts >= from && args?.op_name !== undefined);
  if (nodes.length === 0) throw new Error("ONNX Runtime wrote no profile of the model's runs");
  return nodes;
}

/** Time per run and share of all nodes, by what `key` says of a node; the longest first. */
function totalsOf(nodes, runs, kind, key) {
  const all = nodes.reduce((sum, { dur }) => sum + dur, 0);
  const groups = new Map();
  for (const node of nodes) {
    const group = groups.get(key(node)) ?? { us: 0, count: 0 };
    groups.set(key(node), { us: group.us + node.dur, count: group.count + 1 });
  }
  return [...groups]
    .map(([name, { us, count }]) => ({
      name: name === "" ? kind : `${kind} ${name}`,
      facts: { msPerRun: us / runs / 1000, share: us / all, nodes: count / runs },
    }))
    .sort((a, b) => b.facts.msPerRun - a.facts.msPerRun);
}

/**
 * `blocks.3/ppt/pool/MatMul_kernel_time` -> `ppt`. `observe` is what an attention computes for the reduction. ONNX Runtime's
 * fused nodes keep the name of one of their parts.
 */
const steps = ["observe", "ppt", "attention", "mlp", "embeddings", "head"];
const stepOf = ({ name }) => steps.find((step) => name.split("/").includes(step)) ?? "unnamed";
