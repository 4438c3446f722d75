/**
 * The WebAssembly backend, with kernels of its own. It needs no runtime, and runs in Node, browsers, Deno and workers on the
 * calling thread.
 */
import {
  type Backend,
  type BackendDescriptor,
  compileEager,
  type EagerSession,
  ownExecutables,
  resolveOps,
} from "@ppt-vit/core/backend";
import { check, checkOptions } from "@ppt-vit/core/options";
import { name as packageName, version } from "../package.json";
import { devices } from "./devices.js";
import { Engine } from "./engine.js";
import { chooseInstructions, type Instructions, instructionSets } from "./kernels.js";
import { wasmOverrides } from "./overrides.js";
import { Parameters } from "./parameters.js";
import { wasmPrimitives } from "./primitives.js";
import { WasmStore } from "./store.js";
import type { WasmTensor } from "./tensor.js";

export type { Instructions };

/** Options of `createWasmBackend`. */
export interface WasmBackendOptions {
  /** The set of instructions. Only comparisons need it. Default: the fastest that this engine has. */
  readonly instructions?: Instructions | undefined;
}

const instructionsCheck = check(instructionSets.map((name) => `'${name}'`).join(" or "), (value) =>
  instructionSets.some((name) => name === value),
);

/**
 * A backend that computes on the calling thread. Sums are accumulated in float32. An image gives the same bits in any batch.
 * @throws PptError INVALID_OPTION; BACKEND_UNAVAILABLE if WebAssembly, or its SIMD, is missing or forbidden
 */
export function createWasmBackend(options: WasmBackendOptions = {}): Backend {
  const { instructions } = checkOptions("createWasmBackend", options, { instructions: instructionsCheck });
  const chosen = chooseInstructions(instructions);
  const executables = ownExecutables("wasm backend");

  return {
    specVersion: 1,
    name: "wasm",
    capabilities: { precision: "float32", batchInvariant: true, nonFinite: true },
    runtime: `${packageName} ${version}, ${chosen}`,

    async compile(program, options) {
      executables.requireLive();
      const engine = await Engine.start(chosen);
      const store = new WasmStore(engine.memory);
      const parameters = new Parameters(engine.memory);
      let compiled = false;
      const session: EagerSession<WasmTensor> = {
        ops: resolveOps(wasmPrimitives(engine, store), wasmOverrides(engine, store, parameters)),
        // Parameters are uploaded before the first run, and inputs in every run.
        upload: (host) => (compiled ? store.constant(host) : parameters.upload(host)),
        download: async (x) => ({ shape: x.shape, data: x.data.slice() }),
        endRun: () => store.endRun(),
        dispose: () => engine.dispose(),
      };
      const executable = compileEager(session, program, options);
      compiled = true;
      return executables.add(executable);
    },

    dispose: () => executables.dispose(),
  };
}

/** The descriptor of this backend, in the list form that every backend package exports. */
export const backends: readonly BackendDescriptor[] = /* @__PURE__ */ devices.map((description) => ({
  ...description,
  open: async () => createWasmBackend(),
}));
