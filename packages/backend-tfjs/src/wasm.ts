/** Checks and settings that the `wasm` engine of TensorFlow.js needs before it starts. */
import { requireWebAssembly } from "@ppt-vit/core/backend";
import type { Tfjs } from "./tfjs.js";

const threads = "WASM_HAS_MULTITHREAD_SUPPORT";

/**
 * Limits the engine to one thread if a content security policy forbids `blob:` scripts. The engine starts its threads from
 * such scripts, and would wait for blocked ones for ever.
 * @throws PptError BACKEND_UNAVAILABLE if WebAssembly is missing, or the policy forbids it
 */
export async function prepareWasm(tf: Tfjs): Promise<void> {
  requireWebAssembly("the TensorFlow.js engine 'wasm'");
  if ((await tf.env().getAsync(threads)) && !(await mayStartFromBlobs())) tf.env().set(threads, false);
}

/** Does what a thread does at its start: a worker from one blob loads a script from another. */
const trial = `try {
  importScripts(URL.createObjectURL(new Blob([""], { type: "text/javascript" })));
  postMessage(true);
} catch {
  postMessage(false);
}`;

let allowed: Promise<boolean> | undefined;

/** Whether worker-src and script-src allow `blob:`. It is tried once, because a page's policy does not change. */
function mayStartFromBlobs(): Promise<boolean> {
  allowed ??= tryBlobWorker();
  return allowed;
}

async function tryBlobWorker(): Promise<boolean> {
  const address = URL.createObjectURL(new Blob([trial], { type: "text/javascript" }));
  let worker: Worker | undefined;
  try {
    return await new Promise<boolean>((resolve, reject) => {
      worker = new Worker(address);
      worker.onmessage = ({ data }) => resolve(data === true);
      worker.onerror = () => resolve(false);
      worker.onmessageerror = reject;
    });
  } catch {
    // Some browsers throw in the constructor.
    return false;
  } finally {
    worker?.terminate();
    URL.revokeObjectURL(address);
  }
}
