/**
 * Where a run of a contender of onnx.mjs spends its time, from ONNX Runtime's own profile.
 * `pnpm bench:onnx-profile [--contender ppt] [--model deit-s] [--batch 8] [--threads 2] [--runs 30] [--out FILE]`
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import * as ort from "onnxruntime-node";
import { environment } from "./environment.mjs";
import { openContender } from "./onnx-contenders.mjs";

const { values: flags } = parseArgs({
  options: {
    contender: { type: "string", default: "ppt" },
    model: { type: "string", default: "deit-s" },
    batch: { type: "string", default: "8" },
    threads: { type: "string", default: "2" },
    runs: { type: "string", default: "30" },
    out: { type: "string" },
  },
});
const { contender, model } = flags;
const settings = { contender, model, batch: Number(flags.batch), threads: Number(flags.threads) };
const runs = Number(flags.runs);
const warmUp = 3;

const folder = mkdtempSync(join(tmpdir(), "ppt-profile-"));
const { session, feeds } = await openContender(settings, {
  enableProfiling: true,
  profileFilePrefix: join(folder, "profile"),
});
for (let run = 0; run < warmUp + runs; run++) await session.run(feeds);
session.endProfiling();
const [file] = readdirSync(folder);
const events = JSON.parse(readFileSync(join(folder, file), "utf8"));
await session.release();
rmSync(folder, { recursive: true });

const runStarts = events
  .filter(({ name }) => name === "model_run")
  .map(({ ts }) => ts)
  .sort((a, b) => a - b);
const from = runStarts[warmUp];
const nodes = events.filter(({ cat, ts, args }) => cat === "Node" && ts >= from && args?.op_name !== undefined);
const total = nodes.reduce((sum, { dur }) => sum + dur, 0);

/** Time per run and share of all nodes, by what `key` says of a node. */
function totals(key) {
  const groups = new Map();
  for (const node of nodes) {
    const group = groups.get(key(node)) ?? { us: 0, count: 0 };
    group.us += node.dur;
    group.count++;
    groups.set(key(node), group);
  }
  return [...groups]
    .map(([name, { us, count }]) => ({ name, msPerRun: us / runs / 1000, share: us / total, nodes: count / runs }))
    .sort((a, b) => b.msPerRun - a.msPerRun);
}
/**
 * `blocks.3/ppt/pool/MatMul_kernel_time` -> `ppt`. What an attention gives to the reduction is `observe`. ONNX Runtime's
 * fused nodes keep the name of one of their parts.
 */
const steps = ["observe", "ppt", "attention", "mlp", "embeddings", "head"];
const stepOf = ({ name }) => steps.find((step) => name.split("/").includes(step)) ?? "unnamed";
const byOperator = totals(({ args }) => args.op_name);
const byStep = totals(stepOf);
const inCompression = totals((node) =>
  ["ppt", "observe"].includes(stepOf(node)) ? node.name.replace(/^blocks\.\d+\/|_kernel_time$/g, "") : "rest",
);

const round = (rows) =>
  rows.map(({ name, msPerRun, share, nodes }) => ({
    name,
    "ms per run": msPerRun.toFixed(3),
    "share %": (100 * share).toFixed(1),
    nodes,
  }));
console.table(round(byOperator));
console.table(round(byStep));
console.table(round(inCompression).slice(0, 30));
const document = {
  benchmark: "onnx-cpu-profile",
  ...environment(),
  versions: { "onnxruntime-node": ort.env.versions.node ?? ort.env.versions.common },
  settings: { ...settings, runs, warmUp },
  nodesMsPerRun: total / runs / 1000,
  byOperator,
  byStep,
  inCompression,
};
if (flags.out) writeFileSync(flags.out, `${JSON.stringify(document, null, 2)}\n`);
