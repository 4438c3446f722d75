/** ONNX Runtime Web in a real browser: wasm with threads, and WebGPU over SwiftShader. */
import type { Server } from "node:http";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { root } from "../scripts/workspace.mjs";
import { browserPath, launchBrowser, serve } from "./browser/serve.js";

const ortFolder = dirname(createRequire(join(root, "packages/backend-onnx/package.json")).resolve("onnxruntime-web"));

describe.skipIf(!browserPath)("conformance of the ONNX backend in a browser", () => {
  let server: Server;
  let browser: Browser;
  let page: Page;

  beforeAll(async () => {
    const served = await serve({
      scripts: { "/conformance.js": "conformance.ts" },
      folders: { ort: ortFolder, golden: join(root, "packages/conformance/golden") },
    });
    server = served.server;
    browser = await launchBrowser();
    page = await browser.newPage();
    await page.goto(served.url);
    await page.waitForFunction(() => "runConformance" in window);
  });
  afterAll(async () => {
    await browser?.close();
    server?.close();
  });

  test("the page may use threads and has a WebGPU adapter", async () => {
    expect(await page.evaluate(() => crossOriginIsolated)).toBe(true);
    expect(
      await page.evaluate(
        async () =>
          "gpu" in navigator &&
          (await (navigator as never as { gpu: { requestAdapter(): Promise<unknown> } }).gpu.requestAdapter()) !== null,
      ),
    ).toBe(true);
  });

  test("wasm passes the whole suite", { timeout: 300_000 }, async () => {
    const { passed, failures } = await page.evaluate(() => window.runConformance("wasm", [""]));
    expect(failures).toEqual([]);
    expect(passed).toBeGreaterThan(150);
  });

  // Every shader is compiled for a CPU here, so the primitives are left to Node, where the same provider runs them all.
  test("WebGPU passes the golden cases", { timeout: 600_000 }, async () => {
    const { passed, failures } = await page.evaluate(() => window.runConformance("webgpu", ["golden:"]));
    expect(failures).toEqual([]);
    expect(passed).toBeGreaterThan(8);
  });
});
