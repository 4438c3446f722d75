/**
 * Versions of the installed packages. This file lies beside the program's entry, so that `../package.json` is the package.json
 * of this package both in `src` and in `dist`.
 */
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { devices } from "@ppt-vit/backend-onnx/devices";
import { packagesOn } from "@ppt-vit/core/backend";

const ours = ["cli", "core", "pipeline", "backend-cpu", "backend-onnx", "backend-wasm", "demo-model"].map(
  (name) => `@ppt-vit/${name}`,
);

const runtimes = new Set(
  devices.filter(({ runsIn = [] }) => runsIn.includes("node")).flatMap((device) => packagesOn("node", device)),
);

/** Versions of this project's packages and of the runtimes; null where a package is not installed. */
export function packageVersions(): Record<string, string | null> {
  // Resolved from the backend's folder: it is the backend that will load the runtimes.
  const backend = createRequire(createRequire(import.meta.url).resolve("@ppt-vit/backend-onnx/package.json"));
  return Object.fromEntries([
    ...ours.map((name) => [name, versionOf(createRequire(import.meta.url), name)]),
    ...[...runtimes].map((name) => [name, versionOf(backend, name)]),
  ]);
}

/** The version of the package that `require` would load; null where it is not installed. */
export function versionOf(require: NodeJS.Require, name: string): string | null {
  for (const folder of require.resolve.paths(name) ?? []) {
    const path = join(folder, name, "package.json");
    if (existsSync(path)) return (JSON.parse(readFileSync(path, "utf8")) as { version: string }).version;
  }
  // This package is not among its own dependencies.
  const own = fileURLToPath(new URL("../package.json", import.meta.url));
  const { name: ownName, version } = JSON.parse(readFileSync(own, "utf8")) as { name: string; version: string };
  return ownName === name ? version : null;
}
