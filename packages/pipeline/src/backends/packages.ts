/**
 * The backend packages that the pipeline knows by name. All are optional peers.
 *
 * Each `import()` stands directly behind `await` in a `try` block: that tells bundlers that the package may be missing. The
 * branch for builds by Vite stands before the block, because Rollup leaves `try` blocks whole (docs/decisions/0014-bundlers.md).
 */
import { devices as cpuDevices } from "@ppt-vit/backend-cpu/devices";
import { devices as onnxDevices } from "@ppt-vit/backend-onnx/devices";
import { devices as tfjsDevices } from "@ppt-vit/backend-tfjs/devices";
import {
  type BackendDescription,
  type BackendDescriptor,
  inViteBuild,
  runPart,
  type VitePart,
  type ViteWorker,
} from "@ppt-vit/core";
import { NotInstalled, notInstalledOr } from "../not-installed.js";

/** What a backend package exports for the pipeline. */
interface BackendModule {
  readonly backends: readonly BackendDescriptor[];
}

export interface BackendPackage {
  readonly name: string;
  /** Its devices. The build copies them into this package, so that they are known where the package is not installed. */
  readonly devices: readonly BackendDescription[];
  /** @throws NotInstalled where the package is not there */
  readonly load: () => Promise<BackendModule>;
}

/** One line a package; `vite/` has a file for each. */
export const backendPackages: readonly BackendPackage[] = [
  { name: "@ppt-vit/backend-cpu", devices: cpuDevices, load: importCpu },
  { name: "@ppt-vit/backend-onnx", devices: onnxDevices, load: importOnnx },
  { name: "@ppt-vit/backend-tfjs", devices: tfjsDevices, load: importTfjs },
];

async function importCpu(): Promise<BackendModule> {
  if (inViteBuild) return found(await runPeer("@ppt-vit/backend-cpu", viteParts.cpu));
  try {
    return found(await import("@ppt-vit/backend-cpu"));
  } catch (error) {
    throw notInstalledOr(error, "@ppt-vit/backend-cpu");
  }
}

async function importOnnx(): Promise<BackendModule> {
  if (inViteBuild) return found(await runPeer("@ppt-vit/backend-onnx", viteParts.onnx));
  try {
    return found(await import("@ppt-vit/backend-onnx"));
  } catch (error) {
    throw notInstalledOr(error, "@ppt-vit/backend-onnx");
  }
}

async function importTfjs(): Promise<BackendModule> {
  if (inViteBuild) return found(await runPeer("@ppt-vit/backend-tfjs", viteParts.tfjs));
  try {
    return found(await import("@ppt-vit/backend-tfjs"));
  } catch (error) {
    throw notInstalledOr(error, "@ppt-vit/backend-tfjs");
  }
}

/**
 * Vite finds the scripts by this very text, so each is written out. The parameter is `SharedWorker` and not `Worker`: our own
 * build would rename a parameter whose name is also used as a global.
 */
const viteParts = {
  cpu: (SharedWorker: ViteWorker) =>
    new SharedWorker(new URL(/* webpackIgnore: true */ "./vite/backend-cpu.js", import.meta.url), { type: "module" }),
  onnx: (SharedWorker: ViteWorker) =>
    new SharedWorker(new URL(/* webpackIgnore: true */ "./vite/backend-onnx.js", import.meta.url), { type: "module" }),
  tfjs: (SharedWorker: ViteWorker) =>
    new SharedWorker(new URL(/* webpackIgnore: true */ "./vite/backend-tfjs.js", import.meta.url), { type: "module" }),
};

/** The part of the package `name`, which fails as the package's own import would. */
async function runPeer(name: string, part: VitePart): Promise<Partial<BackendModule>> {
  return runPart<BackendModule>(name, part).catch((error: unknown) => {
    throw notInstalledOr(error, name);
  });
}

/** Some bundlers put an empty module in the place of one that is not there. */
function found(module: Partial<BackendModule>): BackendModule {
  const { backends } = module;
  if (!backends) throw new NotInstalled("its module is empty");
  return { backends };
}
