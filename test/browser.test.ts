/** The built core and CPU backend in a real browser, in the page and in a worker. */
import { existsSync, readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { join } from "node:path";
import { createCpuBackend } from "@ppt-vit/backend-cpu";
import { createVisionModel, parseModelConfig, parseReduction, parseSafetensors } from "@ppt-vit/core";
import { build } from "esbuild";
import { type Browser, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { findBrowser } from "../scripts/browser.mjs";
import { root } from "../scripts/workspace.mjs";

const browserPath = findBrowser();
const modelFolder = join(root, "packages/demo-model/model");
const pixels = Float32Array.from({ length: 3 * 224 * 224 }, (_, i) => Math.sin(i * 0.01) + 0.3 * Math.sin(i * 0.37));

/** Bundled from dist, as a bundler of any application would take the packages. */
async function bundle(entry: string): Promise<string> {
  if (!existsSync(join(root, "packages/backend-cpu/dist")))
    throw new Error("packages/backend-cpu/dist is missing: run pnpm build first");
  const { outputFiles } = await build({
    entryPoints: [join(root, "test/browser", entry)],
    bundle: true,
    format: "esm",
    platform: "browser",
    write: false,
    alias: {
      "@ppt-vit/core": join(root, "packages/core/dist/index.js"),
      "@ppt-vit/backend-cpu": join(root, "packages/backend-cpu/dist/index.js"),
    },
  });
  return outputFiles[0]!.text;
}

async function serve(): Promise<{ server: Server; url: string }> {
  const scripts: Record<string, string> = {
    "/page.js": await bundle("page.ts"),
    "/worker.js": await bundle("worker.ts"),
  };
  const server = createServer((request, response) => {
    const path = request.url ?? "/";
    if (scripts[path]) response.setHeader("content-type", "text/javascript").end(scripts[path]);
    else if (path === "/pixels") response.end(Buffer.from(pixels.buffer));
    else if (/^\/model\/[a-z_]+\.(json|safetensors)$/.test(path))
      response.end(readFileSync(join(modelFolder, path.slice("/model/".length))));
    else if (path === "/")
      response
        .setHeader("content-type", "text/html")
        .end('<!doctype html><link rel="icon" href="data:,"><script type="module" src="/page.js"></script>');
    else response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (typeof address !== "object" || !address) throw new Error("the server has no port");
  return { server, url: `http://127.0.0.1:${address.port}/` };
}

async function expectedHere() {
  const model = await createVisionModel({
    config: parseModelConfig(JSON.parse(readFileSync(join(modelFolder, "config.json"), "utf8"))),
    weights: parseSafetensors(readFileSync(join(modelFolder, "model.safetensors"))),
    backend: createCpuBackend(),
    reduction: parseReduction(JSON.parse(readFileSync(join(modelFolder, "reduction.json"), "utf8"))),
  });
  const { logits, stages } = await model.run({ pixelValues: pixels, batch: 1 });
  return { logits: Array.from(logits.data), policies: stages.map((stage) => stage.policies[0]) };
}

// scripts/check.mjs says in one line when this is skipped; in CI a missing browser is a failure there.
describe.skipIf(!browserPath)("CPU backend in a browser", () => {
  let server: Server;
  let browser: Browser;
  let page: Page;
  const problems: string[] = [];

  beforeAll(async () => {
    const served = await serve();
    server = served.server;
    browser = await chromium.launch({
      executablePath: browserPath!,
      args: [
        "--no-sandbox",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--no-first-run",
      ],
    });
    page = await browser.newPage();
    page.on("console", (message) => {
      if (message.type() === "error") problems.push(message.text());
    });
    page.on("pageerror", (error) => problems.push(String(error)));
    await page.goto(served.url);
    await page.waitForFunction(() => "classifyHere" in window);
  });
  afterAll(async () => {
    await browser?.close();
    server?.close();
  });

  test.each(["classifyHere", "classifyInWorker"] as const)("%s gives Node's result", async (where) => {
    const expected = await expectedHere();
    const actual = await page.evaluate((name) => window[name](), where);
    expect(actual.policies).toEqual(expected.policies);
    // Engines may differ in the last bit of Math.exp.
    actual.logits.forEach((logit, i) => void expect(Math.abs(logit - expected.logits[i]!)).toBeLessThan(1e-5));
    expect(problems).toEqual([]);
  });
});
