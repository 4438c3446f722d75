/**
 * One process of measures/load.mjs and of test/load-memory.test.ts; prints JSON. `make FOLDER TYPE` adds random weights to the
 * `config.json` in a folder, `empty BACKEND` imports what a load imports, `runtime BACKEND` also starts the runtime by one
 * multiplication, `load BACKEND FOLDER DTYPE` loads a checkpoint.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseModelConfig, randomWeights, weightsFrom } from "@ppt-vit/core";
import { createBackend, fromPretrained } from "@ppt-vit/pipeline";
import { writeCheckpoint } from "./checkpoint.mjs";

/** The most memory in bytes that this process has held. On Linux `maxRSS` would begin with the peak of the parent process. */
function peakMemoryBytes() {
  const status = existsSync("/proc/self/status") ? readFileSync("/proc/self/status", "utf8") : "";
  const [, kibibytes = process.resourceUsage().maxRSS] = /^VmHWM:\s+(\d+) kB$/m.exec(status) ?? [];
  return Number(kibibytes) * 1024;
}

const print = (result) => process.stdout.write(JSON.stringify(result));
const [task, name, folder, dtype = "fp32"] = process.argv.slice(2);

if (task === "make") {
  const geometry = JSON.parse(readFileSync(join(name, "config.json"), "utf8"));
  const weights = weightsFrom(randomWeights(parseModelConfig(geometry), 1));
  print({ fileBytes: writeCheckpoint(name, geometry, weights, folder) });
} else if (task === "empty" || task === "runtime") {
  const backend = await createBackend(name);
  const square = (ops, _params, { x }) => ({ y: ops.mul(x, x) });
  if (task === "runtime") await backend.compile(square, { params: {}, inputs: { x: [-1, 1] } });
  print({ peakBytes: peakMemoryBytes() });
} else {
  const start = performance.now();
  const classifier = await fromPretrained(folder, { backend: name, dtype });
  const loadMs = performance.now() - start;
  // With --expose-gc, heldBytes is what stays in JavaScript's memory. Node frees buffers after a collection, on another thread.
  for (let i = 0; i < 4; i++) {
    globalThis.gc?.();
    await new Promise((resolve) => setImmediate(resolve));
  }
  print({ loadMs, peakBytes: peakMemoryBytes(), heldBytes: process.memoryUsage().arrayBuffers });
  await classifier.dispose();
}
