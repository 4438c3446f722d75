/**
 * One process of load.mjs; prints JSON. `make MODEL FOLDER` writes a checkpoint of random weights, `empty BACKEND` imports
 * what a load imports, `load BACKEND FOLDER` loads.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { createBackend, fromPretrained } from "@ppt-vit/pipeline";
import { peakMemoryBytes } from "./peak-memory.mjs";

const print = (result) => process.stdout.write(JSON.stringify(result));
const [task, name, folder] = process.argv.slice(2);

if (task === "make") {
  const { huggingFaceConfig, randomCheckpoint } = await import("./geometries.mjs");
  const config = huggingFaceConfig(name);
  const size = { height: config.image_size, width: config.image_size };
  const weights = randomCheckpoint(name);
  writeFileSync(join(folder, "config.json"), JSON.stringify(config));
  writeFileSync(
    join(folder, "preprocessor_config.json"),
    JSON.stringify({ do_resize: true, size, do_normalize: true }),
  );
  writeFileSync(join(folder, "model.safetensors"), weights);
  print({ fileBytes: weights.length });
} else if (task === "empty") {
  await createBackend(name);
  print({ peakBytes: peakMemoryBytes() });
} else {
  const start = performance.now();
  const classifier = await fromPretrained(folder, { backend: name });
  const loadMs = performance.now() - start;
  // With --expose-gc: what stays in JavaScript's memory. Buffers are given back after a collection, on another thread.
  for (let i = 0; i < 4; i++) {
    globalThis.gc?.();
    await new Promise((resolve) => setImmediate(resolve));
  }
  print({ loadMs, peakBytes: peakMemoryBytes(), heldBytes: process.memoryUsage().arrayBuffers });
  await classifier.dispose();
}
