/** What the host says of threads, without the code that starts them. */

/** The parts of Node's modules that are used. */
export interface NodeWorker {
  on(event: "message" | "error" | "messageerror", listener: (value: unknown) => void): void;
  on(event: "exit", listener: (code: number) => void): void;
  postMessage(message: object): void;
  ref(): void;
  unref(): void;
  terminate(): Promise<number>;
  readonly performance?: { eventLoopUtilization?(): { readonly idle: number } };
}
export interface NodeModules {
  "node:worker_threads": { readonly Worker: new (file: URL, options: object) => NodeWorker };
  "node:os": { availableParallelism(): number };
}
interface NodeProcess {
  readonly versions?: { readonly node?: string; readonly bun?: string };
  getBuiltinModule?<M extends keyof NodeModules>(name: M): NodeModules[M] | undefined;
}

export const scope = globalThis as {
  readonly process?: NodeProcess;
  readonly Worker?: unknown;
  readonly SharedArrayBuffer?: unknown;
  readonly crossOriginIsolated?: boolean;
  readonly navigator?: { readonly hardwareConcurrency?: number };
};

/** Undefined in pages: bundlers put a package there in the place of a free `process`. */
export const nodeModule = <M extends keyof NodeModules>(name: M): NodeModules[M] | undefined =>
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
