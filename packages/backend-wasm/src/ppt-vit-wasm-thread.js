/** One thread of the pool. It sleeps until there is a job or a message. */
import { controlOf, serve } from "./jobs.js";

// Node has no such global functions in its threads. Bundlers for pages must not see the name of its module.
const port = globalThis.process?.getBuiltinModule?.("node:worker_threads").parentPort ?? globalThis;

/** Kernels by the number of their memory. */
const memories = new Map();
let handled = 0;

const answers = {
  /** Gets the kernels over one more memory. */
  async attach({ memory, module, imports, names }) {
    const { exports } = await WebAssembly.instantiate(module, imports);
    memories.set(
      memory,
      names.map((name) => exports[name]),
    );
  },
};

async function receive(message) {
  const { kind, control, thread, number } = message;
  try {
    await answers[kind](message);
    port.postMessage({ number });
  } catch (error) {
    port.postMessage({ number, problem: String(error) });
  }
  handled++;
  serve(controlOf(control), thread, handled, ({ memory, kernel }) => memories.get(memory)?.[kernel]);
}

// One after the other, since attaching takes several turns of the event loop.
let last = Promise.resolve();
const listen = (message) => {
  last = last.then(() => receive(message));
};
if (port.on) port.on("message", listen);
else port.onmessage = ({ data }) => listen(data);
