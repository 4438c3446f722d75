/** The WebAssembly backend, with kernels of its own. It needs no runtime, and runs in Node, browsers, Deno, Bun and workers. */
import {
  type Backend,
  type BackendDescriptor,
  type CompileOptions,
  checkProgram,
  compileEager,
  completeOps,
  type EagerSession,
  type Executable,
  ownExecutables,
  type Program,
  sizeOf,
} from "@ppt-vit/core/backend";
import { check, checkOptions, count } from "@ppt-vit/core/options";
import { name as packageName, version } from "../package.json";
import { devices } from "./devices.js";
import type { Engine } from "./engine.js";
import { mostThreads } from "./kernels.js";
import { chooseKernels, type Instructions, instructionSets, knowsSharedMemory } from "./modules.js";
import { wasmComposites } from "./overrides.js";
import { Parameters } from "./parameters.js";
import { wasmPrimitives } from "./primitives.js";
import { startingAgain } from "./rarely.js";
import { startEngine } from "./start.js";
import { WasmStore } from "./store.js";
import type { WasmTensor } from "./tensor.js";
import { Threads } from "./threads.js";

export type { Instructions };

/** Options of `createWasmBackend`. */
export interface WasmBackendOptions {
  /** The set of instructions. Only comparisons need it. Default: the fastest that this engine has. */
  readonly instructions?: Instructions | undefined;
  /**
   * The number of threads, with the calling one. In a page more than one needs cross-origin isolation. Where the host has no
   * threads, the backend computes on one: `runtime` and the executables' `notices` say why. Results have the same bits on any
   * number. Default: the processors, up to 4, beyond that half of them, at most 8; small models run on one.
   */
  readonly threads?: number | undefined;
  /**
   * The kernels, for hosts that compile no WebAssembly from bytes, as Cloudflare Workers: what
   * `import module from "@ppt-vit/backend-wasm/kernels.wasm"` gives there, or `kernels-relaxed-simd.wasm`: a
   * `WebAssembly.Module`. They run on one thread.
   */
  readonly module?: object | undefined;
}

const instructionsCheck = check(instructionSets.map((name) => `'${name}'`).join(" or "), (value) =>
  instructionSets.some((name) => name === value),
);

const moduleCheck = check(
  "a WebAssembly.Module, compiled of '@ppt-vit/backend-wasm/kernels.wasm'",
  (value) => typeof WebAssembly === "object" && value instanceof WebAssembly.Module,
);

/**
 * A backend that computes on the calling thread and on threads that it starts. Sums are accumulated in float32. An image gives
 * the same bits in any batch. Without `dispose` the threads stay, but a process does not wait for them.
 * @throws PptError INVALID_OPTION, also for a module of another version; BACKEND_UNAVAILABLE if WebAssembly, or its SIMD, is missing or forbidden
 */
export function createWasmBackend(options: WasmBackendOptions = {}): Backend {
  const checked = checkOptions(
    "createWasmBackend",
    options,
    { instructions: instructionsCheck, threads: count(mostThreads), module: moduleCheck },
    { misnamed: { numThreads: "write 'threads'", wasmModule: "write 'module'" } },
  );
  const source = chooseKernels(checked.instructions, checked.module as WebAssembly.Module | undefined);
  const threads = new Threads(checked.threads, () => {
    if (source.module) return "a module that is passed in has memory for one";
    return knowsSharedMemory(source.instructions) ? undefined : "this engine's WebAssembly has no shared memory";
  });
  const executables = ownExecutables("wasm backend");

  return {
    specVersion: 1,
    name: "wasm",
    capabilities: { precision: "float32", batchInvariant: true, nonFinite: true },
    get runtime() {
      return `${packageName} ${version}, ${source.instructions}, ${threads}`;
    },

    async compile(program, options) {
      executables.requireLive();
      checkProgram(program, options);
      const bytes = Object.values(options.params).reduce((sum, { shape }) => sum + 4 * sizeOf(shape), 0);
      const engine = await startEngine(source, threads, bytes);
      try {
        const executable = compileOn(engine, program, options);
        const { notices } = threads;
        return executables.add({ ...executable, ...(notices.length > 0 && { notices }) });
      } catch (error) {
        await engine.dispose();
        throw error;
      }
    },

    dispose: () => executables.dispose(),
  };
}

/** Uploads the parameters, and gives the executable. */
function compileOn(engine: Engine, program: Program, options: CompileOptions): Executable {
  const store = new WasmStore(engine.memory);
  const parameters = new Parameters(engine.memory, engine.multipliesBytes);
  let compiled = false;
  const session: EagerSession<WasmTensor> = {
    ops: completeOps(wasmPrimitives(engine, store), wasmComposites(engine, store, parameters)),
    // Parameters are uploaded before the first run, and inputs in every run.
    upload: (host) => (compiled ? store.constant(host) : parameters.upload(host)),
    download: async (x) => ({ shape: x.shape, data: x.data.slice() }),
    endRun: () => store.endRun(),
    dispose: () => engine.dispose(),
  };
  const executable = startingAgain(compileEager(session, program, options), options.inputs);
  compiled = true;
  return executable;
}

/** The descriptor of this backend, in the list form that every backend package exports. */
export const backends: readonly BackendDescriptor[] = /* @__PURE__ */ devices.map((description) => ({
  ...description,
  open: async () => createWasmBackend(),
}));
