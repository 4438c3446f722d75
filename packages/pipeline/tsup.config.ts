import { rmSync } from "node:fs";
import type { Options } from "tsup";
import { packageBuild } from "../../tsup.base.js";

// The page's side of a worker is a file of its own, so that a bundle of it alone leaves the model's code out.
const forPages = ["src/browser.ts", "src/browser/worker.ts"];
const entries = ["src/index.ts", ...forPages];

/** Bundlers follow every `import()` that they find, so the entry `./slim` must know no backend package. */
const knowNoPackage: NonNullable<Options["esbuildPlugins"]>[number] = {
  name: "know-no-package",
  setup(build) {
    build.onLoad({ filter: /[\\/]backends[\\/]packages[\\/]known\.ts$/ }, () => ({
      contents: "export const knownPackages = [];",
    }));
  },
};

// Two builds write here at the same time, so neither may empty the folder.
rmSync("dist", { recursive: true, force: true });

export default [
  packageBuild({
    // The known packages are an entry so that their code is a chunk of its own: see package.ts beside known.ts.
    entry: [...entries, "src/backends/packages/known.ts", "src/vite/*.ts"],
    dts: { entry: entries },
    clean: false,
    // The devices of backend packages are copied: they are known where a package is not installed.
    noExternal: [/^@ppt-vit\/backend-\w+\/devices$/],
  }),
  // The types of `./slim` are those of `./browser`.
  packageBuild({ entry: forPages, outDir: "dist/slim", dts: false, clean: false, esbuildPlugins: [knowNoPackage] }),
];
