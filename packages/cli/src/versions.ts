/** Versions of the installed packages. Lies beside the program's entry, so that `../package.json` is that of the command line. */
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ours = ["cli", "core", "pipeline", "backend-cpu", "backend-onnx", "demo-model"].map((name) => `@ppt-vit/${name}`);

/** Versions of ours and of the runtimes, null where a package is not installed. */
export function packageVersions(): Record<string, string | null> {
  // The runtimes are looked for where the backend will look for them.
  const backend = createRequire(createRequire(import.meta.url).resolve("@ppt-vit/backend-onnx/package.json"));
  return Object.fromEntries([
    ...ours.map((name) => [name, versionOf(createRequire(import.meta.url), name)]),
    ...["onnxruntime-node", "onnxruntime-web"].map((name) => [name, versionOf(backend, name)]),
  ]);
}

/** The version of a package as `require` finds it, null where it is not installed. */
export function versionOf(require: NodeJS.Require, name: string): string | null {
  for (const folder of require.resolve.paths(name) ?? []) {
    const path = join(folder, name, "package.json");
    if (existsSync(path)) return (JSON.parse(readFileSync(path, "utf8")) as { version: string }).version;
  }
  // A package knows itself, without being among its own dependencies.
  const own = fileURLToPath(new URL("../package.json", import.meta.url));
  const { name: ownName, version } = JSON.parse(readFileSync(own, "utf8")) as { name: string; version: string };
  return ownName === name ? version : null;
}
