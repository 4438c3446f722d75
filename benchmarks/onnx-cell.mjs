/**
 * One contender of onnx.mjs, in a process of its own: opens one session, then takes a turn whenever the parent asks.
 * In: `{ model, batch, threads, contender }` as the first message, then `{ runs }` for a turn, or "finish".
 */
import { openContender } from "./onnx-contenders.mjs";
import { peakMemoryBytes } from "./peak-memory.mjs";

let opened;

async function run() {
  const start = performance.now();
  const { logits } = await opened.session.run(opened.feeds);
  // Readback inside the clock.
  logits.data.at(-1);
  return performance.now() - start;
}

/** The first run of a turn finds the caches full of other contenders' weights, so its time comes apart. */
async function turn(runs) {
  const first = await run();
  const times = [];
  for (let i = 0; i < runs; i++) times.push(await run());
  return { first, times };
}

process.on("message", async (message) => {
  if (message === "finish") process.send({ peakMemoryBytes: peakMemoryBytes() }, () => process.exit(0));
  else if (opened) process.send(await turn(message.runs));
  else {
    opened = await openContender(message);
    process.send(opened.facts);
  }
});
