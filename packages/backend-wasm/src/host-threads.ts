/** How the host starts threads. Node, Deno and Bun have `worker_threads`, pages and their workers have `Worker`. */
import { firstLineOf } from "@ppt-vit/core";

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

/** The parts of Node's modules that are used. */
interface NodeWorker {
  on(event: "message" | "error" | "messageerror", listener: (value: unknown) => void): void;
  on(event: "exit", listener: (code: number) => void): void;
  postMessage(message: object): void;
  ref(): void;
  unref(): void;
  terminate(): Promise<number>;
  readonly performance?: { eventLoopUtilization?(): { readonly idle: number } };
}
interface NodeModules {
  "node:worker_threads": { readonly Worker: new (file: URL, options: object) => NodeWorker };
  "node:os": { availableParallelism(): number };
}
interface NodeProcess {
  readonly versions?: { readonly node?: string; readonly bun?: string };
  getBuiltinModule?<M extends keyof NodeModules>(name: M): NodeModules[M] | undefined;
}

const scope = globalThis as {
  readonly process?: NodeProcess;
  readonly Worker?: unknown;
  readonly SharedArrayBuffer?: unknown;
  readonly crossOriginIsolated?: boolean;
  readonly navigator?: { readonly hardwareConcurrency?: number };
};

/** Undefined in pages: bundlers put a package there in the place of a free `process`. */
const nodeModule = <M extends keyof NodeModules>(name: M): NodeModules[M] | undefined =>
  scope.process?.versions?.node === undefined ? undefined : scope.process.getBuiltinModule?.(name);

/** Threads that this machine runs at once. */
export const hardwareThreads = (): number =>
  nodeModule("node:os")?.availableParallelism() ?? scope.navigator?.hardwareConcurrency ?? 1;

/** Why this host can have no threads over one memory; undefined if it can. */
export function obstacleToThreads(): string | undefined {
  if (scope.crossOriginIsolated === false)
    return "this page is not cross-origin isolated: send it with the headers 'Cross-Origin-Opener-Policy: same-origin' and 'Cross-Origin-Embedder-Policy: require-corp'";
  if (scope.SharedArrayBuffer === undefined || typeof Atomics !== "object") return "this host has no shared memory";
  if (scope.Worker === undefined && !nodeModule("node:worker_threads")) return "this host has no workers";
  return undefined;
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
