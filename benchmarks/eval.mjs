/**
 * `ppt-vit eval` on a large tree: killed at random moments and resumed, it gives what an uninterrupted run gives; and how
 * long the model waits for decoding. `pnpm bench:eval [--pictures 5000] [--kills 3] [--backend onnx-cpu] [--batch 8] [--out FILE]`
 *
 * The pictures are the demo model's 48, turned and brightened: two thirds JPEG files of 500 x 375 pixels, ImageNet's most common
 * size, one third PNG files of 224 x 224.
 */
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { loadavg, tmpdir } from "node:os";
import { basename, join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { environment } from "./environment.mjs";

const { values: flags } = parseArgs({
  options: {
    pictures: { type: "string", default: "5000" },
    kills: { type: "string", default: "3" },
    backend: { type: "string", default: "onnx-cpu" },
    batch: { type: "string", default: "8" },
    out: { type: "string" },
  },
});
const main = fileURLToPath(new URL("../packages/cli/dist/main.js", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "ppt-eval-"));

async function makeTree(count) {
  const pipeline = createRequire(new URL("../packages/pipeline/package.json", import.meta.url));
  const sharp = pipeline("sharp");
  const demo = fileURLToPath(new URL("../packages/demo-model/", import.meta.url));
  const sources = ["samples", "fixtures/eval"].flatMap((name) =>
    readdirSync(join(demo, name)).map((file) => join(demo, name, file)),
  );
  for (let i = 0; i < count; i++) {
    const source = sources[i % sources.length];
    const round = Math.floor(i / sources.length);
    const label = join(folder, "tree", basename(source, ".png").replace(/^\d+_/, ""));
    mkdirSync(label, { recursive: true });
    const turned = sharp(
      await sharp(source)
        .rotate((7 * round) % 21, { background: "#808080" })
        .png()
        .toBuffer(),
    ).modulate({
      brightness: 0.8 + 0.05 * (round % 9),
    });
    if (round % 3 === 2)
      await turned
        .resize(224, 224, { fit: "fill" })
        .png()
        .toFile(join(label, `${i}.png`));
    else
      await turned
        .resize(500, 375, { fit: "fill" })
        .jpeg({ quality: 85 })
        .toFile(join(label, `${i}.jpg`));
  }
}

/** Ends by itself, or is killed after `limitMs`. */
async function evaluate(args, limitMs) {
  const command = [main, "eval", "tree", "--backend", flags.backend, "--batch", flags.batch, ...args];
  const child = spawn(process.execPath, command, { cwd: folder, stdio: ["ignore", "pipe", "inherit"] });
  let text = "";
  child.stdout.on("data", (chunk) => {
    text += chunk;
  });
  const ended = new Promise((resolve) => child.on("close", (code, signal) => resolve({ code, signal, text })));
  if (limitMs !== undefined) {
    await Promise.race([ended, wait(limitMs)]);
    child.kill("SIGKILL");
  }
  const result = await ended;
  if (result.code !== 0 && result.signal === null) throw new Error(`eval ended with code ${result.code}`);
  return result;
}

const read = (file) => JSON.parse(readFileSync(join(folder, file), "utf8"));
const doneIn = (file) => readFileSync(join(folder, file), "utf8").split("\n").length - 2;

try {
  const loadBefore = Number(loadavg()[0].toFixed(2));
  console.log(`making ${flags.pictures} pictures`);
  await makeTree(Number(flags.pictures));
  const start = performance.now();
  const whole = await evaluate(["-o", "whole.json"]);
  const wholeMs = performance.now() - start;
  console.log(whole.text);
  const kills = [];
  for (let i = 0; i < Number(flags.kills); i++) {
    // From the start of its threads to late in its work.
    await evaluate(["-o", "killed.json"], (0.02 + 0.28 * Math.random()) * wholeMs);
    kills.push({ batchesDone: doneIn("killed.json.journal.jsonl") });
    console.log(`killed with ${kills.at(-1).batchesDone} batches done`);
  }
  await evaluate(["-o", "killed.json"]);
  const alone = await evaluate(["-o", "alone.json", "--no-agreement"]);
  console.log(alone.text);

  const { run, ...result } = read("whole.json");
  const { run: _, ...resumed } = read("killed.json");
  const equal = JSON.stringify(result) === JSON.stringify(resumed);
  console.log(`resumed after ${flags.kills} kills: ${equal ? "the same result" : "ANOTHER RESULT"}`);
  const facts = ({ seconds, waitingShare, picturesPerSecond, speedup }) => ({
    seconds,
    waitingShare,
    picturesPerSecond,
    speedup,
  });
  const document = {
    benchmark: "eval",
    ...environment(),
    // Of the minute before: on a busy machine the model takes longer, and so waits for a smaller share.
    loadBefore,
    settings: { ...flags, model: "demo (DeiT-Ti geometry)", out: undefined },
    resumed: { kills, equal },
    summary: result.summary,
    withAgreement: facts(run),
    withoutAgreement: facts(read("alone.json").run),
  };
  if (flags.out) writeFileSync(flags.out, `${JSON.stringify(document, null, 2)}\n`);
  process.exitCode = equal ? 0 : 1;
} finally {
  rmSync(folder, { recursive: true });
}
