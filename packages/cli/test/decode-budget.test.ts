/** Tests the budget of bytes that decoding threads share. */
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { Worker } from "node:worker_threads";
import { transformSync } from "esbuild";
import { expect, it } from "vitest";
import { budgetMemory, byteBudget } from "../src/commands/eval/decode-budget.js";

const source = new URL("../src/commands/eval/decode-budget.ts", import.meta.url);

/** A thread that takes and returns bytes 200 times, and records the most that all threads held together. */
const thread = `
${transformSync(readFileSync(source, "utf8"), { loader: "ts", format: "cjs" }).code}
const { workerData } = require("node:worker_threads");
const { take, give } = module.exports.byteBudget(workerData.memory, workerData.most);
const seen = new Int32Array(workerData.seen);
for (let i = 0; i < 200; i++) {
  const bytes = 1024 * workerData.sizes[i % workerData.sizes.length];
  take(bytes);
  const held = Atomics.add(seen, 0, bytes / 1024) + bytes / 1024;
  for (let most; held > (most = Atomics.load(seen, 1)); ) Atomics.compareExchange(seen, 1, most, held);
  Atomics.sub(seen, 0, bytes / 1024);
  give(bytes);
}`;

it("is never exceeded, but by one request that is larger than all of it", async () => {
  for (const [sizes, mostHeld] of [
    [[30, 50, 70], 100],
    [[250], 250],
  ] as const) {
    const [memory, seen] = [budgetMemory(), new SharedArrayBuffer(8)];
    const workerData = { memory, seen, sizes, most: 100 * 1024 };
    const workers = Array.from({ length: 4 }, () => new Worker(thread, { eval: true, workerData }));
    await Promise.all(workers.map((worker) => once(worker, "exit")));
    const [held, most] = new Int32Array(seen);
    expect(held).toBe(0);
    expect(new Int32Array(memory)[0]).toBe(0);
    expect(most).toBeGreaterThan(0);
    expect(most).toBeLessThanOrEqual(mostHeld);
  }
});

it("lets a request wait for nothing where there is room", () => {
  const { take, give } = byteBudget(budgetMemory(), 1000 * 1024);
  take(400 * 1024);
  take(400 * 1024);
  give(400 * 1024);
  give(400 * 1024);
  take(5000 * 1024);
});
