import { setTimeout as pause } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

let collect: (() => void) | undefined;

/**
 * Bytes in array buffers that are still referenced: the minimum of a few readings. One reading is not enough, because V8
 * sweeps array buffers in another thread after `gc` has returned, and the test runner's own messages come and go. A leak
 * shows in every reading.
 */
export async function heldBytes(): Promise<number> {
  setFlagsFromString("--expose-gc");
  collect ??= runInNewContext("gc") as () => void;
  let least = Number.POSITIVE_INFINITY;
  for (let reading = 0; reading < 5; reading++) {
    collect();
    await pause(5);
    least = Math.min(least, process.memoryUsage().arrayBuffers);
  }
  return least;
}
