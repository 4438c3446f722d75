import { rmSync } from "node:fs";
import { esbuildAssemblyScript } from "../../assemblyscript.js";
import { packageBuild } from "../../tsup.base.js";

// Two builds write here at the same time, so neither may empty the folder.
rmSync("dist", { recursive: true, force: true });

export default [
  packageBuild({ entry: ["src/index.ts", "src/devices.ts"], clean: false, esbuildPlugins: [esbuildAssemblyScript] }),
  // A thread's script imports no other file, so that it can be copied beside a bundle.
  packageBuild({ entry: ["src/ppt-vit-wasm-thread.js"], clean: false, dts: false, splitting: false }),
];
