/**
 * The CPU backend, in plain TypeScript. It has no dependencies and runs in Node, browsers, Deno and workers. Other backends
 * are tested against it.
 */
import {
  type Backend,
  type BackendDescriptor,
  type Composites,
  compileEager,
  type EagerSession,
  type Overrides,
  ownExecutables,
  resolveOps,
} from "@ppt-vit/core/backend";
import { check, checkOptions } from "@ppt-vit/core/options";
import { name as packageName, version } from "../package.json";
import { Arena } from "./arena.js";
import { devices } from "./devices.js";
import { cpuOverrides } from "./overrides.js";
import { cpuPrimitives } from "./products.js";
import { arrayStore } from "./store.js";
import { type CpuTensor, cpuTensor } from "./tensor.js";

export type { CpuTensor };

/** Options of `createCpuBackend`. */
export interface CpuBackendOptions {
  /**
   * Composites to run as their defaults, made of primitives, instead of this backend's kernels. `true` stands for all. Only
   * comparisons need it. Default: false.
   */
  readonly decomposed?: boolean | readonly (keyof Composites<CpuTensor>)[] | undefined;
}

const decomposedCheck = check("true, false or an array of names of composites", (value) =>
  Array.isArray(value) ? value.every((name) => typeof name === "string") : typeof value === "boolean",
);

/**
 * A backend that computes on the calling thread. Sums are accumulated in float64. An image gives the same bits in any batch.
 * @throws PptError INVALID_OPTION
 */
export function createCpuBackend(options: CpuBackendOptions = {}): Backend {
  const { decomposed = false } = checkOptions("createCpuBackend", options, { decomposed: decomposedCheck });
  const executables = ownExecutables("CPU backend");

  return {
    specVersion: 1,
    name: "cpu",
    capabilities: { precision: "float32", batchInvariant: true, nonFinite: true },
    runtime: `${packageName} ${version}`,

    async compile(program, options) {
      executables.requireLive();
      const arena = new Arena();
      const store = arrayStore(arena);
      const session: EagerSession<CpuTensor> = {
        ops: resolveOps(cpuPrimitives(store), overridesBut(decomposed, cpuOverrides(store))),
        upload: (host) => cpuTensor(host.shape, host.data),
        download: async (x) => ({ shape: x.shape, data: x.data.slice() }),
        endRun: () => arena.endRun(),
        dispose: () => arena.dispose(),
      };
      return executables.add(compileEager(session, program, options));
    },

    dispose: () => executables.dispose(),
  };
}

/** The descriptor of this backend, in the list form that every backend package exports. */
export const backends: readonly BackendDescriptor[] = /* @__PURE__ */ devices.map((description) => ({
  ...description,
  open: async () => createCpuBackend(),
}));

/** The overrides without the composites in `decomposed`. */
function overridesBut(
  decomposed: NonNullable<CpuBackendOptions["decomposed"]>,
  overrides: Overrides<CpuTensor>,
): Overrides<CpuTensor> | undefined {
  if (decomposed === true) return undefined;
  if (decomposed === false) return overrides;
  return (ops, defaults) => {
    const kept = Object.entries(overrides(ops, defaults)).filter(([name]) => !decomposed.some((one) => one === name));
    return Object.fromEntries(kept);
  };
}
