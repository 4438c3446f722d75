/** How the host starts threads. Node, Deno and Bun have `worker_threads`, pages and their workers have `Worker`. */
import { firstLineOf } from "@ppt-vit/core";
import { type NodeModules, nodeModule, scope } from "./host.js";

/** A running thread. */
export interface HostThread {
  send(message: object): void;
  /** Whether the process waits for the thread. A page never does. */
  keepProcess(keep: boolean): void;
  /** Resolves when nothing of it runs any more, as far as the host tells. */
  end(): Promise<void>;
  /** Whether it has ended, asked without giving it time to tell. Undefined if the host does not say. */
  hasEnded(): boolean | undefined;
}

export interface ThreadListeners {
  message(message: unknown): void;
  /** It has ended, or could not start. */
  ended(reason: string): void;
}

/** Whether this thread may sleep until another one wakes it. A page's own thread may not. */
export function maySleep(): boolean {
  try {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 0);
    return true;
  } catch {
    return false;
  }
}

/** Starts a thread. @throws what the host says against it */
export function startThread(listeners: ThreadListeners): HostThread {
  const node = nodeModule("node:worker_threads");
  return node ? startInNode(node.Worker, listeners) : startInPage(listeners);
}

// Webpack follows `new URL("...", import.meta.url)`, and would copy the file a second time.
const here: string = import.meta.url;

function startInNode(Thread: NodeModules["node:worker_threads"]["Worker"], listeners: ThreadListeners): HostThread {
  // Flags of this process, such as a loader's, would be loaded by every thread.
  const worker = new Thread(new URL("./ppt-vit-wasm-thread.js", here), { execArgv: [], name: "ppt-vit wasm" });
  let ended = false;
  const end = (reason: string) => {
    if (ended) return;
    ended = true;
    listeners.ended(reason);
  };
  // Bun warns of what it does not have.
  const asked = scope.process?.versions?.bun === undefined ? worker.performance : undefined;
  const idle = () => asked?.eventLoopUtilization?.().idle ?? 0;
  worker.on("message", (message) => {
    // Node tells nothing later of a loop that it was not asked about while it ran.
    idle();
    listeners.message(message);
  });
  worker.on("messageerror", (error) => end(`a message to it cannot be read (${firstLineOf(error)})`));
  worker.on("error", (error) => end(firstLineOf(error)));
  worker.on("exit", (code) => end(`it ended with code ${code}`));
  return {
    send: (message) => worker.postMessage(message),
    keepProcess: (keep) => (keep ? worker.ref() : worker.unref()),
    end: async () => void (await worker.terminate()),
    // Node answers -1 for a loop that is no more. The event `exit` would need this thread's own loop.
    hasEnded: () => ended || idle() < 0,
  };
}

/** Vite's development server bundles the package into this folder, and the script of threads does not follow. */
const ofDevServer = /\/node_modules\/\.vite\/deps\/.*$/;

function startWorker(): Worker {
  // Bundlers look for this very text.
  if (!ofDevServer.test(here))
    return new Worker(new URL("./ppt-vit-wasm-thread.js", import.meta.url), { type: "module" });
  const address = here.replace(ofDevServer, "/node_modules/@ppt-vit/backend-wasm/dist/ppt-vit-wasm-thread.js");
  return new Worker(address, { type: "module" });
}

function startInPage(listeners: ThreadListeners): HostThread {
  const worker = startWorker();
  worker.onmessage = ({ data }) => listeners.message(data);
  worker.onmessageerror = () => listeners.ended("a message to it cannot be read");
  worker.onerror = (event) => {
    event.preventDefault?.();
    listeners.ended(event.message || "its script ppt-vit-wasm-thread.js cannot be loaded or fails");
  };
  return {
    send: (message) => worker.postMessage(message),
    keepProcess: () => {},
    end: async () => worker.terminate(),
    hasEnded: () => undefined,
  };
}
