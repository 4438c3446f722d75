/**
 * How well reduced embeddings find what unreduced ones find, on folders of pictures with a subfolder for each class.
 * `pnpm bench --benchmark benchmarks/measures/recall.mjs --set pictures=DIR[,DIR] [--set model=demo] [--set backend=onnx-cpu]
 * [--set contenders=ppt,ppt-q8,q8] [--set count=10] [--set work=DIR]`
 *
 * `recall` is the share of the `count` pictures nearest to each picture by cosine that is the same with unreduced vectors in fp32. `ofClass` is
 * the share of them that has its class, and `unreducedOfClass` the same of the unreduced vectors. Chance is `count` of all pictures.
 * `work` keeps the jobs, so that the same call goes on after an interruption.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const main = fileURLToPath(new URL("../../packages/cli/dist/main.js", import.meta.url));
const contenders = {
  ppt: [],
  "ppt-q8": ["--dtype", "q8"],
  q8: ["--no-ppt", "--dtype", "q8"],
};

export async function measure({ settings, tell }) {
  const {
    pictures,
    model = "demo",
    backend = "onnx-cpu",
    contenders: names = "ppt,ppt-q8,q8",
    count = "10",
  } = settings;
  if (pictures === undefined) throw new Error("pictures: name folders with --set pictures=DIR[,DIR]");
  const home = settings.work ?? mkdtempSync(join(tmpdir(), "ppt-vit-recall-"));
  const measurements = [];
  const sets = {};
  try {
    for (const folder of pictures.split(",")) {
      const set = basename(resolve(folder));
      const vectors = (name, options) => {
        tell(`${set}, ${name}`);
        const out = join(home, `${set}-${name}`);
        const args = ["embed", resolve(folder), "--out", out, "--format", "jsonl", "--normalize", "--batch", "8"];
        const call = [main, ...args, "--model", model, "--backend", backend, ...options];
        execFileSync(process.execPath, call, { stdio: "ignore" });
        rmSync(`${out}.jsonl`, { force: true });
        execFileSync(process.execPath, [main, "merge", out, "-o", `${out}.jsonl`], { stdio: "ignore" });
        return readFileSync(`${out}.jsonl`, "utf8")
          .trimEnd()
          .split("\n")
          .map((line) => JSON.parse(line));
      };
      const right = vectors("unreduced", ["--no-ppt"]);
      sets[set] = right.length;
      const wanted = nearest(right, Number(count));
      const ofClass = (found) => share(found, (i, j) => classOf(right[i]) === classOf(right[j]));
      for (const name of names.split(",")) {
        const found = nearest(vectors(name, contenders[name]), Number(count));
        const recall = share(found, (i, j) => wanted[i].includes(j));
        const facts = { set, contender: name, recall, ofClass: ofClass(found), unreducedOfClass: ofClass(wanted) };
        measurements.push({ name: `${set}, ${name}`, facts });
      }
    }
  } finally {
    if (settings.work === undefined) rmSync(home, { recursive: true, force: true });
  }
  return { settings: { model, backend, count: Number(count), pictures: sets }, measurements };
}

const classOf = ({ path }) => dirname(path);

/** For each row the numbers of the rows that are nearest to it. Vectors have length 1. */
function nearest(rows, count) {
  const vectors = rows.map(({ embedding }) => Float64Array.from(embedding));
  return vectors.map((own, i) =>
    vectors
      .map((other, j) => ({ j, alike: j === i ? -2 : dot(own, other) }))
      .sort((a, b) => b.alike - a.alike)
      .slice(0, count)
      .map(({ j }) => j),
  );
}

function dot(a, b) {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}

const share = (found, holds) => {
  const hits = found.flatMap((own, i) => own.map((j) => holds(i, j)));
  return hits.filter(Boolean).length / hits.length;
};
