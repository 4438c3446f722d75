/**
 * The optional peers that compute. Each `import()` stands directly behind `await` in a `try` block, which is how bundlers know
 * that the package may be missing. What is for builds by Vite stands before it, because Rollup leaves `try` blocks whole.
 */
import { inViteBuild, runPart, type VitePart, type ViteWorker } from "@ppt-vit/core";

/** A package that is not there; another error of an import is the package's own. */
export class NotInstalled extends Error {}

export async function importCpu(): Promise<Pick<typeof import("@ppt-vit/backend-cpu"), "createCpuBackend">> {
  if (inViteBuild) return found(await runPeer("@ppt-vit/backend-cpu", viteParts.cpu), "createCpuBackend");
  try {
    return found(await import("@ppt-vit/backend-cpu"), "createCpuBackend");
  } catch (error) {
    throw notInstalledOr(error, "@ppt-vit/backend-cpu");
  }
}

export async function importOnnx(): Promise<Pick<typeof import("@ppt-vit/backend-onnx"), "createOnnxBackend">> {
  if (inViteBuild) return found(await runPeer("@ppt-vit/backend-onnx", viteParts.onnx), "createOnnxBackend");
  try {
    return found(await import("@ppt-vit/backend-onnx"), "createOnnxBackend");
  } catch (error) {
    throw notInstalledOr(error, "@ppt-vit/backend-onnx");
  }
}

export async function importTfjs(): Promise<Pick<typeof import("@ppt-vit/backend-tfjs"), "createTfjsBackend">> {
  if (inViteBuild) return found(await runPeer("@ppt-vit/backend-tfjs", viteParts.tfjs), "createTfjsBackend");
  try {
    return found(await import("@ppt-vit/backend-tfjs"), "createTfjsBackend");
  } catch (error) {
    throw notInstalledOr(error, "@ppt-vit/backend-tfjs");
  }
}

/** Written out because Vite finds scripts by this very text. `SharedWorker`, not `Worker`: a name that is used globally would be changed. */
const viteParts = {
  cpu: (SharedWorker: ViteWorker) =>
    new SharedWorker(new URL(/* webpackIgnore: true */ "./vite/backend-cpu.js", import.meta.url), { type: "module" }),
  onnx: (SharedWorker: ViteWorker) =>
    new SharedWorker(new URL(/* webpackIgnore: true */ "./vite/backend-onnx.js", import.meta.url), { type: "module" }),
  tfjs: (SharedWorker: ViteWorker) =>
    new SharedWorker(new URL(/* webpackIgnore: true */ "./vite/backend-tfjs.js", import.meta.url), { type: "module" }),
};

/** The part of the package `name`, which fails as the package's own import would. */
async function runPeer<Module extends object>(name: string, part: VitePart): Promise<Module> {
  return runPart<Module>(name, part).catch((error: unknown) => {
    throw notInstalledOr(error, name);
  });
}

/** Some bundlers put an empty module in the place of one that is not there. */
function found<Module extends object>(module: Module, member: keyof Module & string): Module {
  if (!(member in module)) throw new NotInstalled(`the bundle holds an empty module without ${member}`);
  return module;
}

/**
 * The error itself, or NotInstalled where it says that the package `name` is not there. Node and bundlers have no code for
 * that in common, browsers have none at all; but the first thing that each of them quotes is the name asked for. An error of
 * an installed package's own quotes a path or another name first.
 */
export function notInstalledOr(error: unknown, name: string): unknown {
  const quoted =
    error instanceof Error ? /["'`\u2018\u201c]([^"'`\u2019\u201d]+)["'`\u2019\u201d]/.exec(error.message) : null;
  return quoted?.[1] === name ? new NotInstalled(`${name} is not installed`, { cause: error }) : error;
}
