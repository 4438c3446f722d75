import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, dirname, extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { defineConfig, type Plugin } from "vite";
import { developmentHeaders, headers, headersFile, metaPolicy } from "./headers.js";

const require = createRequire(import.meta.url);
const folderOf = (module: string) => dirname(require.resolve(module));

const demo = folderOf("@ppt-vit/demo-model/package.json");
const ort = folderOf("onnxruntime-web");
const tfjsWasm = folderOf("@tensorflow/tfjs-backend-wasm");

const samples = readdirSync(join(demo, "samples")).sort();

/** What the app serves as it is: the demo model, its pictures, and the runtimes' WebAssembly with its loaders. */
const files: Readonly<Record<string, string | (() => string)>> = {
  _headers: () => headersFile,
  "samples/index.json": () => JSON.stringify(samples),
  ...under("samples", join(demo, "samples"), samples),
  ...under("demo", join(demo, "model"), readdirSync(join(demo, "model"))),
  // Loading asks for it first, as transformers 5 does. One that says nothing spares the console an error.
  "demo/processor_config.json": () => "{}",
  // Each entry looks for its WebAssembly beside itself.
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
};

/** Emits `files` in a build and serves them in development, from where they are installed. */
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
        // Threads start from these files, and must be isolated and guarded as the page is.
        for (const [name, value] of Object.entries(developmentHeaders)) response.setHeader(name, value);
        response.setHeader("content-type", contentTypes[extname(basename(path))] ?? "application/octet-stream");
        response.end(read(files[path]!));
      });
    },
  };
}

/** The policy inside the built page, for hosts that send no headers. */
function policyInThePage(): Plugin {
  const attrs = { "http-equiv": "Content-Security-Policy", content: metaPolicy };
  return {
    name: "policy-in-the-page",
    apply: "build",
    // Before all that it is to hold for.
    transformIndexHtml: () => [{ tag: "meta", attrs, injectTo: "head-prepend" }],
  };
}

export default defineConfig({
  // Relative addresses: the built folder works at any place of any host.
  base: "./",
  plugins: [servedAsTheyAre(), policyInThePage()],
  resolve: {
    // ONNX Runtime is loaded from `ort/` when a backend is first used, and not bundled a second time.
    alias: [
      {
        find: /^onnxruntime-web(\/.*)?$/,
        replacement: fileURLToPath(new URL("src/not-bundled.ts", import.meta.url)),
      },
    ],
  },
  build: { target: "es2022", chunkSizeWarningLimit: 1500 },
  worker: { format: "es" },
  server: { headers: developmentHeaders },
  preview: { headers },
});
