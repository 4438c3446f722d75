/**
 * Fills the queue: one task for each shard of a job, never more than a few ahead of the workers. Ends when all are done.
 *
 *   node queue.mjs PICTURES FOLDER SHARDS [OPTION...]     options of ppt-vit embed
 */
import { setTimeout as pause } from "node:timers/promises";
import { Queue } from "bullmq";
import { connection, name } from "./connection.mjs";

const [pictures, folder, count, ...options] = process.argv.slice(2);
const shards = Number(count);

/** Tasks that wait in Redis at a time: its memory does not grow with the library. */
const mostWaiting = 8;

const queue = new Queue(name, { connection });
queue.on("error", (error) => console.error(`queue: ${error.message}`));

for (let shard = 1; shard <= shards; shard++) {
  while ((await queue.getWaitingCount()) >= mostWaiting) await pause(200);
  // With an id it does no harm to add a shard twice, as this script does when it is started again.
  await queue.add(
    "embed",
    { pictures, folder, shard: `${shard}/${shards}`, options },
    { jobId: `${folder}-${shard}`, attempts: 5, backoff: { type: "exponential", delay: 1000 } },
  );
}
for (;;) {
  const { completed, failed } = await queue.getJobCounts("completed", "failed");
  if (completed + failed >= shards) {
    console.log(`${completed} shards are done, ${failed} failed`);
    process.exitCode = failed > 0 ? 1 : 0;
    break;
  }
  await pause(500);
}
await queue.close();
