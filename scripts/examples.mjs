/** Serves the applications in `examples/` and checks what their pages answer in Chromium. */
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { findBrowser } from "./browser.mjs";
import { contentTypeOf } from "./content-types.mjs";
import { root } from "./workspace.mjs";

const demo = join(root, "packages", "demo-model");
/** The model and the picture that are served beside every application. */
export const served = { model: join(demo, "model"), picture: join(demo, "samples", "000_dog.png") };

/** As strict hosts send them. The first two allow WebAssembly to use threads. */
const headers = {
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-embedder-policy": "require-corp",
  "content-security-policy":
    "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'",
};

/**
 * Serves the files of `folder` under the path `base`, and the model and the picture at the top. `own` are further headers, or
 * others.
 * @returns {Promise<{ url: string, close(): void }>}
 */
export async function serve(folder, base = "/", own = {}) {
  const server = createServer(async (request, response) => {
    const path = new URL(request.url, "http://localhost").pathname.replace(/\/$/, "/index.html");
    const [, ofModel] = /^\/model\/([\w.-]+)$/.exec(path) ?? [];
    const ofApp = path.startsWith(base) ? join(folder, path.slice(base.length)) : "";
    const file = ofModel ? join(served.model, ofModel) : path === "/photo.png" ? served.picture : ofApp;
    const body = await readFile(file).catch(() => undefined);
    for (const [name, value] of Object.entries({ ...headers, ...own })) response.setHeader(name, value);
    response.setHeader("content-type", contentTypeOf(path));
    response.writeHead(body === undefined ? 404 : 200).end(body);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { url: `http://127.0.0.1:${server.address().port}${base}`, close: () => server.close() };
}

/** How Chromium starts, without the features that use the network by themselves. */
export const launchOptions = () => ({
  executablePath: findBrowser(),
  args: ["--no-sandbox", "--disable-background-networking", "--disable-component-update", "--no-first-run"],
});

export const launch = () => chromium.launch(launchOptions());

/**
 * Opens a page and waits until its title starts with `ok` or `failed`.
 * @returns {Promise<{ title: string, wasm: string[], missing: string[], workers: number }>} the title; the WebAssembly files that were
 *   loaded; the addresses that were not found, except those of a checkpoint's optional files; how many workers started, with those
 *   that workers start
 */
export async function open(browser, url) {
  const page = await browser.newPage();
  const wasm = [];
  const missing = [];
  const said = [];
  page.on("console", (message) => said.push(message.text()));
  page.on("pageerror", (error) => said.push(error.message));
  let workers = 0;
  page.on("worker", () => workers++);
  page.on("response", (response) => {
    const { pathname } = new URL(response.url());
    if (pathname.endsWith(".wasm")) wasm.push(pathname);
    if (response.status() === 404 && !/^\/(model\/|favicon\.ico$)/.test(pathname)) missing.push(pathname);
  });
  try {
    await page.goto(url);
    await page.waitForFunction(() => /^(ok|failed) /.test(document.title), undefined, { timeout: 120_000 });
    return { title: await page.title(), wasm, missing, workers };
  } catch (error) {
    throw new Error([`${error.message}`, ...said].join("\n"));
  } finally {
    await page.close();
  }
}

/**
 * The problems of the pages at `url`, one line each. `pages` says for each path how the title starts, how many WebAssembly
 * files the page loads, and how many workers start at least.
 */
export async function problemsOf(browser, url, pages) {
  const problems = [];
  for (const [path, { title, wasm, workers = 0 }] of Object.entries(pages)) {
    const page = new URL(path, url).href;
    const found = await open(browser, page);
    if (!found.title.startsWith(title)) problems.push(`${page}: the page says '${found.title}', expected '${title}'`);
    if (found.wasm.length !== wasm)
      problems.push(`${page}: ${wasm} WebAssembly files expected, loaded: ${found.wasm.join(", ") || "none"}`);
    if (found.workers < workers) problems.push(`${page}: ${workers} workers expected, started: ${found.workers}`);
    if (found.missing.length > 0) problems.push(`${page}: not found: ${found.missing.join(", ")}`);
  }
  return problems;
}
