/** Pages for measurements in a real Chromium: bundled, minified, compressed and isolated, as a careful host sends them. */
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { build } from "esbuild";
import { chromium } from "playwright-core";
import { findBrowser } from "../../scripts/browser.mjs";
import { contentTypeOf } from "../../scripts/content-types.mjs";

const here = fileURLToPath(new URL(".", import.meta.url));
const folderOf = (require, name) => dirname(require.resolve(name));
const require = createRequire(import.meta.url);
const ofOnnx = createRequire(require.resolve("@ppt-vit/backend-onnx/package.json"));
const demo = folderOf(require, "@ppt-vit/demo-model/package.json");

/** What lies beside the scripts: the runtime's files, the script of threads, the demo model and a picture. */
const folders = {
  "ort-": folderOf(ofOnnx, "onnxruntime-web"),
  "ppt-vit-wasm-thread": folderOf(require, "@ppt-vit/backend-wasm"),
  "model/": demo,
  "samples/": demo,
};

/**
 * Bundles a script of this folder and serves it as `/?QUERY`. `files` are further contents by path.
 * @returns {Promise<{ url: string, scripts: Map<string, Uint8Array>, close(): void }>}
 */
export async function host(script, files = {}) {
  const { outputFiles } = await build({
    absWorkingDir: here,
    entryPoints: [script],
    bundle: true,
    splitting: true,
    minify: true,
    format: "esm",
    target: "es2022",
    outdir: "/",
    write: false,
    tsconfigRaw: {},
    logLevel: "error",
  });
  const zip = promisify(gzip);
  const scripts = new Map();
  for (const { path, contents } of outputFiles) scripts.set(path, await zip(contents, { level: 9 }));
  const page = `<!doctype html><link rel="icon" href="data:,"><script type="module" src="/${script}"></script>`;
  const zipped = new Map();
  const bodyOf = async (path) => {
    if (path === "/") return { body: page };
    if (scripts.has(path)) return { body: scripts.get(path), packed: true };
    if (files[path]) return { body: files[path] };
    const [prefix] = Object.keys(folders).filter((prefix) => path.startsWith(`/${prefix}`));
    const body = prefix && (await readFile(join(folders[prefix], path)).catch(() => undefined));
    if (!body || !/\.(wasm|m?js)$/.test(path)) return { body };
    if (!zipped.has(path)) zipped.set(path, await zip(body, { level: 9 }));
    return { body: zipped.get(path), packed: true };
  };
  const server = createServer(async (request, response) => {
    const path = new URL(request.url, "http://localhost").pathname;
    const { body, packed } = await bodyOf(path);
    response.setHeader("cross-origin-opener-policy", "same-origin");
    response.setHeader("cross-origin-embedder-policy", "require-corp");
    response.setHeader("content-type", contentTypeOf(path === "/" ? "/index.html" : path));
    if (packed) response.setHeader("content-encoding", "gzip");
    if (body) response.setHeader("content-length", Buffer.byteLength(body));
    response.writeHead(body ? 200 : 404).end(body);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { url: `http://127.0.0.1:${server.address().port}/`, scripts, close: () => server.close() };
}

/** A fresh Chromium without a cache. `software` gives it WebGPU over SwiftShader. */
export const launch = ({ software = false } = {}) =>
  chromium.launch({
    executablePath: findBrowser(),
    args: [
      ...["--no-sandbox", "--disable-background-networking", "--disable-component-update", "--no-first-run"],
      ...(software ? ["--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader", "--enable-features=Vulkan"] : []),
    ],
  });
