/** Loads TensorFlow.js for a device. No other file imports its code. */
import { firstLineOf, isPptError, PptError } from "@ppt-vit/core";
import { inViteBuild, notInstalledOr, runPart, type VitePart } from "@ppt-vit/core/backend";
import { devices, type TfjsDevice, type TfjsDeviceDescription } from "./devices.js";
import { viteParts } from "./parts.js";
import type { Tfjs } from "./tfjs.js";

/** Loads a native package. No package depends on it, because its install script downloads, so it is resolved at run time. */
async function native(name: string): Promise<Tfjs> {
  const loaded = (await import(/* @vite-ignore */ /* webpackIgnore: true */ name)) as Tfjs & { default?: Tfjs };
  return loaded.default ?? loaded;
}

// Each `import()` follows `await` directly in a `try` block. Bundlers take that as a sign that the package may be missing. The
// branch for Vite builds stands before the `try` block, because Rollup removes no dead code inside one.

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

/** TensorFlow.js's core with the lookup of engines, which `Tfjs` leaves out. */
type Core = Tfjs & Pick<typeof import("@tensorflow/tfjs-core"), "findBackendFactory">;

/**
 * Runs the part that holds the engine together with a core. But copies of TensorFlow.js share their engines. If the page has
 * already loaded this engine, and perhaps set it up with `setWasmPaths`, a core without engines uses that one.
 */
async function runEngine(engine: string, part: VitePart): Promise<Tfjs> {
  const isLoaded = "_tfengine" in globalThis;
  if (isLoaded) {
    const core = await runPart<Core>("@tensorflow/tfjs-core", viteParts.core);
    if (core.findBackendFactory(engine)) return core;
  }
  return runPart<Tfjs>(`@tensorflow/tfjs-backend-${engine}`, part);
}

const loaders: Readonly<Record<TfjsDevice, () => Promise<Tfjs>>> = {
  cpu: loadCpu,
  wasm: loadWasm,
  webgl: loadWebgl,
  webgpu: loadWebgpu,
  node: () => native("@tensorflow/tfjs-node"),
  "node-gpu": () => native("@tensorflow/tfjs-node-gpu"),
};

/** @throws PptError INVALID_OPTION if the device is unknown */
function descriptionOf(device: TfjsDevice): TfjsDeviceDescription {
  const found = devices.find((one) => one.device === device);
  if (found) return found;
  throw new PptError(
    "INVALID_OPTION",
    `unknown TensorFlow.js device '${String(device).slice(0, 60)}'; known are ${devices.map((one) => one.device).join(", ")}`,
  );
}

/** The name of a device's engine. @throws PptError INVALID_OPTION if the device is unknown */
export const engineOf = (device: TfjsDevice): string => descriptionOf(device).engine;

/** Loads TensorFlow.js with the engine of a device. @throws PptError BACKEND_UNAVAILABLE if a package is missing or fails */
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
    { cause: notInstalledOr(cause, ...packages) },
  );
}
