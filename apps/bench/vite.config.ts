import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, dirname, extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { defineConfig, type Plugin } from "vite";
import { developmentHeaders, headers, headersFile, metaPolicy } from "./headers.js";
import { offline } from "./offline.js";

const require = createRequire(import.meta.url);
const folderOf = (module: string) => dirname(require.resolve(module));

const demo = folderOf("@ppt-vit/demo-model/package.json");
const ort = folderOf("onnxruntime-web");
const tfjsWasm = folderOf("@tensorflow/tfjs-backend-wasm");

const samples = readdirSync(join(demo, "samples")).sort();
const photographs = fileURLToPath(new URL("photographs", import.meta.url));
const pictures = readdirSync(photographs).filter((name) => name.endsWith(".webp"));

/** Files that are copied unchanged: the demo model, pictures, and the runtimes' WebAssembly with its loaders. */
const files: Readonly<Record<string, string | (() => string)>> = {
  _headers: () => headersFile,
  "samples/index.json": () => JSON.stringify(samples),
  ...under("samples", join(demo, "samples"), samples),
  ...under("photographs", photographs, pictures),
  ...under("demo", join(demo, "model"), readdirSync(join(demo, "model"))),
  // Loading a model requests this file first, as transformers 5 does. An empty one avoids an error in the console.
  "demo/processor_config.json": () => "{}",
  // Each entry loads its WebAssembly from its own folder.
  ...under("ort", ort, [
    "ort.wasm.min.mjs",
    "ort-wasm-simd-threaded.mjs",
    "ort-wasm-simd-threaded.wasm",
    "ort.webgpu.min.mjs",
    "ort-wasm-simd-threaded.asyncify.mjs",
    "ort-wasm-simd-threaded.asyncify.wasm",
  ]),
  ...under("tfjs", tfjsWasm, ["tfjs-backend-wasm.wasm", "tfjs-backend-wasm-simd.wasm"]),
};

function under(address: string, folder: string, names: readonly string[]): Record<string, string> {
  return Object.fromEntries(names.map((name) => [`${address}/${name}`, join(folder, name)]));
}

const contentTypes: Readonly<Record<string, string>> = {
  ".json": "application/json",
  ".mjs": "text/javascript",
  ".png": "image/png",
  ".wasm": "application/wasm",
  ".webp": "image/webp",
};

/** Copies `files` from the installed packages into a build, and serves them in development. */
function servedAsTheyAre(): Plugin {
  const read = (source: string | (() => string)) => (typeof source === "string" ? readFileSync(source) : source());
  return {
    name: "served-as-they-are",
    generateBundle() {
      for (const [fileName, source] of Object.entries(files))
        this.emitFile({ type: "asset", fileName, source: read(source) });
    },
    configureServer({ middlewares }) {
      middlewares.use((request, response, next) => {
        const path = (request.url ?? "/").slice(1).replace(/\?.*/, "");
        if (!Object.hasOwn(files, path)) return next();
        // Threads start from these files, so they need the same headers as the page.
        for (const [name, value] of Object.entries(developmentHeaders)) response.setHeader(name, value);
        response.setHeader("content-type", contentTypes[extname(basename(path))] ?? "application/octet-stream");
        response.end(read(files[path]!));
      });
    },
  };
}

/** Puts the policy into the built page, for hosts that send no headers. */
function policyInThePage(): Plugin {
  const attrs = { "http-equiv": "Content-Security-Policy", content: metaPolicy };
  return {
    name: "policy-in-the-page",
    apply: "build",
    // A <meta> policy applies only to what follows it.
    transformIndexHtml: () => [{ tag: "meta", attrs, injectTo: "head-prepend" }],
  };
}

/** The versions of this project and of the runtimes, for the results of benchmarks. */
const versions = Object.fromEntries(
  ["@ppt-vit/pipeline", "onnxruntime-web", "@tensorflow/tfjs-core"].map((name) => [name, versionOf(name)]),
);

/** The version of an installed package, found beside its entry. */
function versionOf(name: string): string {
  const path = require.resolve(name);
  const folder = path.slice(0, path.lastIndexOf(`${name.split("/").at(-1)!}`) + name.split("/").at(-1)!.length);
  return JSON.parse(readFileSync(join(folder, "package.json"), "utf8")).version;
}

export default defineConfig({
  define: { __VERSIONS__: JSON.stringify(versions) },
  // Addresses are relative, so the built folder works at any path of any host.
  base: "./",
  plugins: [servedAsTheyAre(), policyInThePage(), offline()],
  resolve: {
    // ONNX Runtime is loaded from `ort/` when a backend first uses it. The alias keeps a second copy out of the bundle.
    alias: [
      {
        find: /^onnxruntime-web(\/.*)?$/,
        replacement: fileURLToPath(new URL("src/not-bundled.ts", import.meta.url)),
      },
    ],
  },
  // The page's security policy allows no data: addresses.
  build: { target: "es2022", assetsInlineLimit: 0, chunkSizeWarningLimit: 1500, reportCompressedSize: false },
  worker: { format: "es" },
  server: { headers: developmentHeaders },
  preview: { headers },
});
