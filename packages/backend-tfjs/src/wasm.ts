/** What the `wasm` engine of TensorFlow.js wants of a page before it is started. */
import { requireWebAssembly } from "@ppt-vit/core/backend";
import type { Tfjs } from "./tfjs.js";

const threads = "WASM_HAS_MULTITHREAD_SUPPORT";

/**
 * The engine starts its threads from `blob:` scripts. Where a content security policy forbids those it would wait for them
 * without end, so there it gets one thread, as on a page that is not cross-origin isolated.
 * @throws PptError BACKEND_UNAVAILABLE where the policy forbids WebAssembly itself
 */
export async function prepareWasm(tf: Tfjs): Promise<void> {
  requireWebAssembly("the TensorFlow.js engine 'wasm'");
  if ((await tf.env().getAsync(threads)) && !(await mayStartFromBlobs())) tf.env().set(threads, false);
}

/** A thread is a worker from a blob, which loads the engine's script from another. */
const trial = `try {
  importScripts(URL.createObjectURL(new Blob([""], { type: "text/javascript" })));
  postMessage(true);
} catch {
  postMessage(false);
}`;

let allowed: Promise<boolean> | undefined;

/** Whether worker-src and script-src allow `blob:`. Tried once: a policy does not change. */
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
    // Some browsers refuse in the constructor.
    return false;
  } finally {
    worker?.terminate();
    URL.revokeObjectURL(address);
  }
}
