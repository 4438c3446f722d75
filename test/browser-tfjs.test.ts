/** Tests TensorFlow.js in a real browser: wasm with threads, and WebGL and WebGPU on SwiftShader. */
import type { Server } from "node:http";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { root } from "../scripts/workspace.mjs";
import { strictPolicy } from "./browser/policy.js";
import { browserPath, launchBrowser, serve, underPolicy } from "./browser/serve.js";

const backend = join(root, "packages/backend-tfjs");
const wasmPackage = createRequire(join(backend, "package.json")).resolve("@tensorflow/tfjs-backend-wasm/package.json");

describe.skipIf(!browserPath)("the TensorFlow.js backend in a browser", () => {
  let server: Server;
  let url: string;
  let browser: Browser;
  let page: Page;

  beforeAll(async () => {
    ({ server, url } = await serve({
      scripts: { "/page.js": join(backend, "test/page.ts") },
      folders: { wasm: join(dirname(wasmPackage), "dist"), golden: join(root, "packages/conformance/golden") },
    }));
    browser = await launchBrowser();
  });
  afterAll(async () => {
    await browser?.close();
    server?.close();
  });
  // Each test has a page, because flags of TensorFlow.js apply to the whole page.
  beforeEach(async () => {
    page = await browser.newPage();
    await page.goto(url);
    await page.waitForFunction(() => "runTfjsConformance" in window);
  });
  afterEach(() => page.close());

  // Every shader is compiled for a CPU here, so only golden models run. Node tests the others.
  const cases = ["primitive:", "composite:", "golden:"];

  // Its threads start from blobs, which the tests' content security policy forbids.
  const ofWasm = { name: "tfjs-wasm", precision: "float32", nonFinite: true, failures: [] };
  const wasmLoaded = () =>
    page.evaluate(() =>
      performance
        .getEntriesByType("resource")
        .filter(({ name }) => name.endsWith(".wasm"))
        .map(({ name }) => name.split("/").at(-1)),
    );
  test("wasm passes the golden cases on one thread", { timeout: 300_000 }, async () => {
    const report = await page.evaluate(() => window.runTfjsConformance("wasm", ["golden"]));
    expect(report).toMatchObject(ofWasm);
    expect(await wasmLoaded()).toEqual(["tfjs-backend-wasm-simd.wasm"]);
    expect(report.passed).toBeGreaterThan(40);
  });

  test("wasm has threads where script-src and worker-src allow blob:", { timeout: 300_000 }, async () => {
    const allowing = strictPolicy.replace(/(script-src|worker-src) 'self'/g, "$& blob:");
    await underPolicy(page, url, allowing);
    const report = await page.evaluate((cases) => window.runTfjsConformance("wasm", cases), cases);
    expect(report).toMatchObject(ofWasm);
    expect(await wasmLoaded()).toEqual(["tfjs-backend-wasm-threaded-simd.wasm"]);
    expect(report.passed).toBeGreaterThan(130);
  });

  test.each([
    [
      "WebAssembly",
      strictPolicy.replace(" 'wasm-unsafe-eval'", ""),
      /^BACKEND_UNAVAILABLE the TensorFlow.js engine 'wasm' needs WebAssembly, which the Content-Security-Policy of this page or worker forbids: allow 'wasm-unsafe-eval' in script-src$/,
    ],
    [
      "the runtime's files",
      `${strictPolicy}; connect-src 'none'`,
      /^BACKEND_UNAVAILABLE the TensorFlow.js engine 'wasm': the Content-Security-Policy .* blocks '.*\.wasm': allow it in connect-src$/,
    ],
  ])("a policy that forbids %s is named", async (_, policy, named) => {
    await underPolicy(page, url, policy);
    expect(await page.evaluate(() => window.failureOfWasm())).toMatch(named);
  });

  test("WebGPU passes operations and golden cases", { timeout: 600_000 }, async () => {
    const report = await page.evaluate((cases) => window.runTfjsConformance("webgpu", cases), cases);
    expect(report).toMatchObject({ name: "tfjs-webgpu", precision: "float32", nonFinite: true, failures: [] });
    expect(report.passed).toBeGreaterThan(130);
  });

  test("WebGL passes operations and golden cases", { timeout: 600_000 }, async () => {
    const report = await page.evaluate((cases) => window.runTfjsConformance("webgl", cases), cases);
    expect(report).toMatchObject({ name: "tfjs-webgl", precision: "float32", nonFinite: false, failures: [] });
    expect(report.passed).toBeGreaterThan(130);
  });

  test("WebGL without float32 textures says so, and passes products, sums and slices", {
    timeout: 300_000,
  }, async () => {
    const report = await page.evaluate(() =>
      window.runTfjsConformance("webgl", ["primitive: m", "primitive: s"], { WEBGL_FORCE_F16_TEXTURES: true }),
    );
    expect(report).toMatchObject({ precision: "reduced", nonFinite: false, failures: [] });
    expect(report.passed).toBeGreaterThan(20);
  });

  test.each(["webgl", "webgpu"] as const)("%s: a picture goes in and logits come out on the GPU", async (device) => {
    const { reads, sameAsRun, tensorsLeft } = await page.evaluate((device) => window.classifyOnGpu(device), device);
    expect(reads).toBe(0);
    expect(sameAsRun).toBe(true);
    expect(tensorsLeft).toBe(0);
  });

  test("a lost WebGL context is an error, not zeros", async () => {
    expect(await page.evaluate(() => window.runAfterContextLoss())).toBe(
      "BACKEND_UNAVAILABLE the TensorFlow.js engine 'webgl' failed: the WebGL context was lost",
    );
  });
});
