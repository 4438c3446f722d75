/** Loads TensorFlow.js for a device. Nothing of it is imported before. */
import { firstLineOf, isPptError, PptError } from "@ppt-vit/core";
import { inViteBuild, runPart, type VitePart, type ViteWorker } from "@ppt-vit/core/backend";
import { devices, type TfjsDevice, type TfjsDeviceDescription } from "./devices.js";
import type { Tfjs } from "./tfjs.js";

/** Native packages are found at run time only: they are nobody's dependency, because their install script downloads. */
async function native(name: string): Promise<Tfjs> {
  const loaded = (await import(/* @vite-ignore */ /* webpackIgnore: true */ name)) as Tfjs & { default?: Tfjs };
  return loaded.default ?? loaded;
}

// Each `import()` stands directly behind `await` in a `try` block, which is how bundlers know that the package may be missing.
// What is for builds by Vite stands before it, because Rollup leaves `try` blocks whole.

async function loadCpu(): Promise<Tfjs> {
  if (inViteBuild) return runEngine("cpu", viteParts.cpu);
  try {
    await import("@tensorflow/tfjs-backend-cpu");
    return await import("@tensorflow/tfjs-core");
  } catch (cause) {
    throw unavailable("cpu", cause);
  }
}

async function loadWasm(): Promise<Tfjs> {
  if (inViteBuild) return runEngine("wasm", viteParts.wasm);
  try {
    await import("@tensorflow/tfjs-backend-wasm");
    return await import("@tensorflow/tfjs-core");
  } catch (cause) {
    throw unavailable("wasm", cause);
  }
}

async function loadWebgl(): Promise<Tfjs> {
  if (inViteBuild) return runEngine("webgl", viteParts.webgl);
  try {
    await import("@tensorflow/tfjs-backend-webgl");
    return await import("@tensorflow/tfjs-core");
  } catch (cause) {
    throw unavailable("webgl", cause);
  }
}

async function loadWebgpu(): Promise<Tfjs> {
  if (inViteBuild) return runEngine("webgpu", viteParts.webgpu);
  try {
    await import("@tensorflow/tfjs-backend-webgpu");
    return await import("@tensorflow/tfjs-core");
  } catch (cause) {
    throw unavailable("webgpu", cause);
  }
}

/** What is used of TensorFlow.js's core beyond operations. */
type Core = Tfjs & Pick<typeof import("@tensorflow/tfjs-core"), "findBackendFactory">;

/**
 * The engine with a core as one part. Copies of TensorFlow.js share their engines, so where the caller has loaded one and set
 * it up, as by `setWasmPaths`, that is used as it is, by a core without engines.
 */
async function runEngine(engine: string, part: VitePart): Promise<Tfjs> {
  const isLoaded = "_tfengine" in globalThis;
  if (isLoaded) {
    const core = await runPart<Core>("@tensorflow/tfjs-core", viteParts.core);
    if (core.findBackendFactory(engine)) return core;
  }
  return runPart<Tfjs>(`@tensorflow/tfjs-backend-${engine}`, part);
}

/** Written out because Vite finds scripts by this very text. `SharedWorker`, not `Worker`: a name that is used globally would be changed. */
const viteParts = {
  core: (SharedWorker: ViteWorker) =>
    new SharedWorker(new URL(/* webpackIgnore: true */ "./vite/core.js", import.meta.url), { type: "module" }),
  cpu: (SharedWorker: ViteWorker) =>
    new SharedWorker(new URL(/* webpackIgnore: true */ "./vite/cpu.js", import.meta.url), { type: "module" }),
  wasm: (SharedWorker: ViteWorker) =>
    new SharedWorker(new URL(/* webpackIgnore: true */ "./vite/wasm.js", import.meta.url), { type: "module" }),
  webgl: (SharedWorker: ViteWorker) =>
    new SharedWorker(new URL(/* webpackIgnore: true */ "./vite/webgl.js", import.meta.url), { type: "module" }),
  webgpu: (SharedWorker: ViteWorker) =>
    new SharedWorker(new URL(/* webpackIgnore: true */ "./vite/webgpu.js", import.meta.url), { type: "module" }),
};

const loaders: Readonly<Record<TfjsDevice, () => Promise<Tfjs>>> = {
  cpu: loadCpu,
  wasm: loadWasm,
  webgl: loadWebgl,
  webgpu: loadWebgpu,
  node: () => native("@tensorflow/tfjs-node"),
  "node-gpu": () => native("@tensorflow/tfjs-node-gpu"),
};

/** @throws PptError INVALID_OPTION for an unknown device. */
function descriptionOf(device: TfjsDevice): TfjsDeviceDescription {
  const found = devices.find((one) => one.device === device);
  if (found) return found;
  throw new PptError(
    "INVALID_OPTION",
    `unknown TensorFlow.js device '${String(device).slice(0, 60)}'; known are ${devices.map((one) => one.device).join(", ")}`,
  );
}

/** The name of a device's engine. @throws PptError INVALID_OPTION for an unknown device. */
export const engineOf = (device: TfjsDevice): string => descriptionOf(device).engine;

/** @throws PptError BACKEND_UNAVAILABLE where a package is not installed or does not load. */
export async function loadTfjs(device: TfjsDevice): Promise<Tfjs> {
  try {
    return await loaders[device]();
  } catch (cause) {
    throw isPptError(cause) ? cause : unavailable(device, cause);
  }
}

function unavailable(device: TfjsDevice, cause: unknown): PptError {
  const { packages } = descriptionOf(device);
  const reason = firstLineOf(cause);
  return new PptError(
    "BACKEND_UNAVAILABLE",
    `device '${device}' needs ${packages.join(" and ")}: npm install ${packages.join(" ")} (${reason})`,
    { cause },
  );
}
