/** Serves the applications in `examples/` and checks what their pages answer in Chromium. */
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join } from "node:path";
import { chromium } from "playwright-core";
import { findBrowser } from "./browser.mjs";
import { root } from "./workspace.mjs";

/** The packages that every application installs. TensorFlow.js is left out, because it is optional. */
export const wanted = ["core", "backend-cpu", "backend-onnx", "pipeline"].map((name) => `@ppt-vit/${name}`);

const demo = join(root, "packages", "demo-model");
/** The model and the picture that are served beside every application, and the label that it must answer. */
export const served = { model: join(demo, "model"), picture: join(demo, "samples", "000_dog.png"), label: "dog" };

/** The title that the page must have for each `?backend=`, and how many WebAssembly files of runtimes it loads. */
export const answers = [
  { backend: "onnx-wasm", title: /^ok dog$/, wasm: 1 },
  { backend: "cpu", title: /^ok dog$/, wasm: 0 },
  {
    backend: "tfjs-wasm",
    title: /^failed BACKEND_UNAVAILABLE: backend 'tfjs-wasm' is not installed: npm install @ppt-vit\/backend-tfjs /,
    wasm: 0,
  },
];

const contentTypes = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".json": "application/json",
  ".mjs": "text/javascript",
  ".png": "image/png",
  ".wasm": "application/wasm",
};

/**
 * Serves the files of `folder`, the model and the picture, with the headers that allow WebAssembly to use threads.
 * @returns {Promise<{ url: string, close(): void }>}
 */
export async function serve(folder) {
  const server = createServer(async (request, response) => {
    const path = new URL(request.url, "http://localhost").pathname.replace(/\/$/, "/index.html");
    const [, ofModel] = /^\/model\/([\w.-]+)$/.exec(path) ?? [];
    const file = ofModel ? join(served.model, ofModel) : path === "/photo.png" ? served.picture : join(folder, path);
    const body = await readFile(file).catch(() => undefined);
    response.setHeader("cross-origin-opener-policy", "same-origin");
    response.setHeader("cross-origin-embedder-policy", "require-corp");
    response.setHeader("content-type", contentTypes[extname(path)] ?? "application/octet-stream");
    response.writeHead(body === undefined ? 404 : 200).end(body);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { url: `http://127.0.0.1:${server.address().port}/`, close: () => server.close() };
}

/** Starts Chromium, without the features that use the network by themselves. */
export const launch = () =>
  chromium.launch({
    executablePath: findBrowser(),
    args: ["--no-sandbox", "--disable-background-networking", "--disable-component-update", "--no-first-run"],
  });

/**
 * Opens a page and waits until its title starts with `ok` or `failed`.
 * @returns {Promise<{ title: string, wasm: string[], missing: string[] }>} the title; the WebAssembly files that were loaded; the
 *   addresses that were not found, except those of a checkpoint's optional files
 */
export async function open(browser, url) {
  const page = await browser.newPage();
  const wasm = [];
  const missing = [];
  page.on("response", (response) => {
    const { pathname } = new URL(response.url());
    if (pathname.endsWith(".wasm")) wasm.push(pathname);
    if (response.status() === 404 && !/^\/(model\/|favicon\.ico$)/.test(pathname)) missing.push(pathname);
  });
  try {
    await page.goto(url);
    await page.waitForFunction(() => /^(ok|failed) /.test(document.title), undefined, { timeout: 120_000 });
    return { title: await page.title(), wasm, missing };
  } finally {
    await page.close();
  }
}

/** The problems of the page at `url`, one line each. */
export async function problemsOf(browser, url) {
  const problems = [];
  for (const { backend, title, wasm } of answers) {
    const found = await open(browser, `${url}?backend=${backend}`);
    if (!title.test(found.title)) problems.push(`${backend}: the page says '${found.title}', expected ${title}`);
    if (found.wasm.length !== wasm)
      problems.push(`${backend}: ${wasm} WebAssembly files expected, loaded: ${found.wasm.join(", ") || "none"}`);
    if (found.missing.length > 0) problems.push(`${backend}: not found: ${found.missing.join(", ")}`);
  }
  return problems;
}
