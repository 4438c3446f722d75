/**
 * Builds the command line from the sources into one file, `dist/main.js`, for `npm start`. The daily build makes a package of each
 * folder, with types, which takes most of a minute. This takes a second, and needs none of the tools of the repository but esbuild.
 */
import { readFile } from "node:fs/promises";
import { join, sep } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { build } from "esbuild";
import loadWabt from "wabt";

const here = fileURLToPath(new URL(".", import.meta.url));
const packages = join(here, "..", "..", "packages");

/** Native packages, which this one depends on, and optional ones that are not installed. */
const external = ["sharp", "onnxruntime-node", "onnxruntime-web", "@huggingface/transformers", "@tensorflow/*"];

/** Workspace packages are taken from their sources: `@ppt-vit/core` and `@ppt-vit/core/backend`. */
const sources = {
  name: "sources",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^@ppt-vit\/[\w-]+(\/[\w-]+)?$/ }, ({ path }) => {
      const [, name, entry = "index"] = path.split("/");
      // No dependency of the command line, or one that takes a compiler of 100 MB to build. Loading it fails as it does
      // where it is not installed.
      if (["backend-tfjs", "backend-wasm", "finetune"].includes(name) && entry === "index")
        return { path, external: true };
      return { path: join(packages, name, "src", `${entry}.ts`), sideEffects: false };
    });
    // Files beside a source, such as the demo model's, are found from that source and not from the bundle.
    onLoad({ filter: /\.ts$/ }, async ({ path }) => {
      if (!path.startsWith(packages + sep)) return undefined;
      const text = await readFile(path, "utf8");
      return { contents: text.replaceAll("import.meta.url", JSON.stringify(pathToFileURL(path).href)), loader: "ts" };
    });
  },
};

const wat = {
  name: "wat",
  setup({ onLoad }) {
    onLoad({ filter: /\.wat$/ }, async ({ path }) => {
      const { parseWat } = await loadWabt();
      const module = parseWat(path, await readFile(path, "utf8"), { simd: true });
      return { contents: module.toBinary({}).buffer, loader: "binary" };
    });
  },
};

await build({
  entryPoints: [join(packages, "cli", "src", "main.ts")],
  outfile: join(here, "dist", "main.js"),
  bundle: true,
  format: "esm",
  platform: "node",
  target: "node20",
  external,
  plugins: [sources, wat],
  // Dependencies that are CommonJS call `require`.
  banner: {
    js: 'import { createRequire as requireFrom } from "node:module"; const require = requireFrom(import.meta.url);',
  },
  logLevel: "warning",
});
