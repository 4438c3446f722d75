/** Loads TensorFlow.js for a device. Nothing of it is imported before. */
import { PptError } from "@ppt-vit/core";
import type { Tfjs } from "./tfjs.js";

/** `node` and `node-gpu` are native TensorFlow; the others run in browsers, and all but `webgl` in Node. */
export type TfjsDevice = "cpu" | "wasm" | "webgl" | "webgpu" | "node" | "node-gpu";

interface Runtime {
  /** The name under which the engine registers itself. */
  readonly engine: string;
  readonly packages: readonly string[];
  readonly load: () => Promise<Tfjs>;
}

/** An engine that registers itself in `@tensorflow/tfjs-core` when its package is loaded. */
const registered = (engine: string, register: () => Promise<unknown>): Runtime => ({
  engine,
  packages: ["@tensorflow/tfjs-core", `@tensorflow/tfjs-backend-${engine}`],
  load: async () => {
    await register();
    return import("@tensorflow/tfjs-core");
  },
});

/** Native packages are found at run time only: they are nobody's dependency, because their install script downloads. */
async function native(name: string): Promise<Tfjs> {
  const loaded = (await import(/* @vite-ignore */ /* webpackIgnore: true */ name)) as Tfjs & { default?: Tfjs };
  return loaded.default ?? loaded;
}

const runtimes: Readonly<Record<TfjsDevice, Runtime>> = {
  cpu: registered("cpu", () => import("@tensorflow/tfjs-backend-cpu")),
  wasm: registered("wasm", () => import("@tensorflow/tfjs-backend-wasm")),
  webgl: registered("webgl", () => import("@tensorflow/tfjs-backend-webgl")),
  webgpu: registered("webgpu", () => import("@tensorflow/tfjs-backend-webgpu")),
  node: { engine: "tensorflow", packages: ["@tensorflow/tfjs-node"], load: () => native("@tensorflow/tfjs-node") },
  "node-gpu": {
    engine: "tensorflow",
    packages: ["@tensorflow/tfjs-node-gpu"],
    load: () => native("@tensorflow/tfjs-node-gpu"),
  },
};

/** The name of a device's engine. @throws PptError INVALID_OPTION for an unknown device. */
export function engineOf(device: TfjsDevice): string {
  if (!Object.hasOwn(runtimes, device))
    throw new PptError(
      "INVALID_OPTION",
      `unknown TensorFlow.js device '${String(device).slice(0, 60)}'; known are ${Object.keys(runtimes).join(", ")}`,
    );
  return runtimes[device].engine;
}

/** @throws PptError BACKEND_UNAVAILABLE where a package is not installed or does not load. */
export async function loadTfjs(device: TfjsDevice): Promise<Tfjs> {
  const { packages, load } = runtimes[device];
  try {
    return await load();
  } catch (cause) {
    const [reason] = (cause instanceof Error ? cause.message : String(cause)).split("\n");
    throw new PptError(
      "BACKEND_UNAVAILABLE",
      `device '${device}' needs ${packages.join(" and ")}: npm install ${packages.join(" ")} (${reason})`,
      { cause },
    );
  }
}
