/** JavaScript for a page: bundled by esbuild with the files that earlier blocks wrote, and run in Chromium. */
import { cpSync, existsSync, mkdirSync, readdirSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { build } from "esbuild";
import { chromium } from "playwright-core";
import { findBrowser } from "../../browser.mjs";
import { contentTypeOf } from "../../content-types.mjs";
import { codeOf } from "../prologues.mjs";

/** Longest time until the block has ended, in ms: GPUs are emulated here. */
const budget = 240_000;

export async function page(block, { cwd, earlier, models, hub }) {
  const code = codeOf(block, earlier);
  const out = join(cwd, `page-${block.line}`);
  await writeFile(join(cwd, "block.js"), code);
  const verdict = 'import("./block.js").then(() => "ok", (error) => "failed " + (error?.stack ?? error))';
  await writeFile(join(cwd, "main.js"), `${verdict}.then((title) => { document.title = title; });\n`);
  const workers = earlier.flatMap(({ file }) => (file ? [join(cwd, file)] : []));
  await build({
    entryPoints: [join(cwd, "main.js"), ...workers],
    outdir: out,
    bundle: true,
    splitting: true,
    format: "esm",
    logLevel: "silent",
  });
  copyRuntime(cwd, out);
  const { url, close } = await serve(out, models, cwd);
  try {
    const title = await titleOf(url, hub);
    if (title !== "ok") throw new Error(title);
  } finally {
    close();
  }
}

/** esbuild emits no WebAssembly, so ONNX Runtime's files lie beside the scripts, as the guide for esbuild says. */
function copyRuntime(cwd, out) {
  mkdirSync(out, { recursive: true });
  const dist = dirname(createRequire(join(cwd, "main.js")).resolve("onnxruntime-web"));
  for (const name of readdirSync(dist).filter((name) => name.endsWith(".wasm")))
    cpSync(join(dist, name), join(out, name));
}

async function titleOf(url, hub) {
  const browser = await chromium.launch({
    executablePath: findBrowser(),
    args: ["--no-sandbox", "--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader", "--enable-features=Vulkan"],
  });
  try {
    const tab = await browser.newPage();
    await tab.context().route(/^https:\/\/huggingface\.co\//, (route) => answerAsHub(route, hub));
    await tab.goto(url);
    await tab.waitForFunction(() => /^(ok|failed)/.test(document.title), undefined, { timeout: budget });
    return await tab.title();
  } finally {
    await browser.close();
  }
}

/** Answers a request to the Hub from the one on loopback. Other hosts are not reachable. */
async function answerAsHub(route, hub) {
  const { pathname, search } = new URL(route.request().url());
  const range = route.request().headers().range;
  const answer = await fetch(`${hub.url}${pathname}${search}`, {
    method: route.request().method(),
    headers: range ? { range } : {},
  });
  const headers = { ...Object.fromEntries(answer.headers), "access-control-allow-origin": "*" };
  await route.fulfill({ status: answer.status, headers, body: Buffer.from(await answer.arrayBuffer()) });
}

const html = '<!doctype html><link rel="icon" href="data:,"><script type="module" src="/main.js"></script>';

/** Serves the bundle, the pictures of `cwd`, and a model below every address that ends like one of a model's file. */
async function serve(out, models, cwd) {
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url, "http://localhost");
    const [, ofModel] = /^\/.+\/([\w.-]+\.(?:json|safetensors))$/.exec(pathname) ?? [];
    const places = [join(out, pathname), ofModel && join(models, ofModel), join(cwd, pathname)];
    const file = pathname === "/" ? undefined : places.find((path) => path && existsSync(path));
    response.setHeader("cross-origin-opener-policy", "same-origin");
    response.setHeader("cross-origin-embedder-policy", "require-corp");
    response.setHeader("content-type", contentTypeOf(pathname === "/" ? "/index.html" : pathname));
    const body = pathname === "/" ? html : file && (await readFile(file));
    response.writeHead(body === undefined ? 404 : 200).end(body);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { url: `http://127.0.0.1:${server.address().port}/`, close: () => server.close() };
}
