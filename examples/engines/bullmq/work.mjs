/**
 * A worker: takes one shard after the other. If it is killed, BullMQ notices that its lock is not renewed, and another worker gets the
 * shard, whose complete parts stay.
 *
 *   node work.mjs
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { Worker } from "bullmq";
import { connection, name } from "./connection.mjs";

const worker = new Worker(
  name,
  async ({ data: { pictures, folder, shard, options } }) => {
    const args = ["embed", pictures, "--out", folder, "--shard", shard, ...options];
    const child = spawn("ppt-vit", args, { stdio: ["ignore", "inherit", "pipe"] });
    let last = "";
    child.stderr.on("data", (text) => {
      process.stderr.write(text);
      last = `${last}${text}`.slice(-2000);
    });
    const [code, signal] = await once(child, "close");
    if (code !== 0) throw new Error(`ppt-vit ended with ${signal ?? code}: ${last.trim().split("\n").at(-1)}`);
  },
  // One at a time: a model uses all cores. A lock of 10 s is renewed every 5 s.
  { connection, concurrency: 1, lockDuration: 10_000, stalledInterval: 5000, maxStalledCount: 5 },
);
worker.on("error", (error) => console.error(`worker: ${error.message}`));
worker.on("failed", (job, error) => console.error(`shard ${job?.data.shard}: ${error.message}`));

// Finishes its shard, and takes no other.
for (const signal of ["SIGTERM", "SIGINT"]) process.once(signal, () => worker.close());
