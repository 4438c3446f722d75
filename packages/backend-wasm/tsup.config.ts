import { rmSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { compile, esbuildAssemblyScript } from "../../assemblyscript.js";
import { packageBuild } from "../../tsup.base.js";

// Two builds write here at the same time, so neither may empty the folder.
rmSync("dist", { recursive: true, force: true });

/** The kernels as files, for hosts that compile no bytes. */
async function writeKernels() {
  const source = fileURLToPath(new URL("assembly/index.ts", import.meta.url));
  await writeFile("dist/kernels.wasm", await compile(`${source}?simd`));
  await writeFile("dist/kernels-relaxed-simd.wasm", await compile(`${source}?relaxed`));
}

export default [
  packageBuild({
    entry: ["src/index.ts", "src/devices.ts"],
    clean: false,
    esbuildPlugins: [esbuildAssemblyScript],
    onSuccess: writeKernels,
  }),
  // A thread's script imports no other file, so that it can be copied beside a bundle.
  packageBuild({ entry: ["src/ppt-vit-wasm-thread.js"], clean: false, dts: false, splitting: false }),
];
