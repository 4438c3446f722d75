/** Tests ONNX Runtime Web in a real browser: wasm with threads, and WebGPU on SwiftShader. */
import type { Server } from "node:http";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { type Browser, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { root } from "../scripts/workspace.mjs";
import { strictPolicy } from "./browser/policy.js";
import { browserPath, launchBrowser, serve, underPolicy } from "./browser/serve.js";

const ortFolder = dirname(createRequire(join(root, "packages/backend-onnx/package.json")).resolve("onnxruntime-web"));

describe.skipIf(!browserPath)("the ONNX backend in a browser", () => {
  let server: Server;
  let url: string;
  let browser: Browser;
  let page: Page;

  async function open(inBrowser: Browser, prepare?: (page: Page) => Promise<unknown>): Promise<Page> {
    const page = await inBrowser.newPage();
    await prepare?.(page);
    await page.goto(url);
    await page.waitForFunction(() => "onnx" in window);
    return page;
  }
  /** A page of its own, which is closed afterwards. */
  async function onNewPage<R>(use: (page: Page) => Promise<R>, prepare?: (page: Page) => Promise<unknown>): Promise<R> {
    const page = await open(browser, prepare);
    try {
      return await use(page);
    } finally {
      await page.close();
    }
  }

  beforeAll(async () => {
    ({ server, url } = await serve({
      scripts: { "/onnx.js": "onnx.ts" },
      folders: { ort: ortFolder, golden: join(root, "packages/conformance/golden") },
    }));
    browser = await launchBrowser();
    page = await open(browser);
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

  // Node's tests run the other cases on the same WebAssembly.
  test("wasm passes the golden cases", { timeout: 300_000 }, async () => {
    const { passed, failures } = await page.evaluate(() => window.runConformance("wasm", ["golden"]));
    expect(failures).toEqual([]);
    expect(passed).toBeGreaterThan(40);
  });

  test("WebGPU passes the whole suite", { timeout: 600_000 }, async () => {
    const { passed, failures } = await page.evaluate(() => window.runConformance("webgpu", [""]));
    expect(failures).toEqual([]);
    expect(passed).toBeGreaterThan(150);
  });

  // It runs after the suite and on its page, whose device has already compiled these shaders.
  describe("graph capture", () => {
    test("replays give what ordinary runs give, and buffers are released", { timeout: 300_000 }, async () => {
      const report = await page.evaluate(() => window.onnx.capture(false));
      expect(report.info.graphCapture).toEqual([{ agrees: true, difference: expect.any(Number) }]);
      expect(report.info.graphCapture![0]!.difference).toBeLessThan(1e-4);
      expect(Math.max(...report.differences)).toBeLessThan(1e-4);
      // Both actions occur in one batch.
      expect(report.policies.join()).toMatch(/prune,pool|pool,prune/);
      expect(report.otherBatch).toMatch(/^INVALID_INPUT .* holds 3 images, but graphCapture fixed the batch at 2/);
      expect(report.bound).toBe(1);
      expect(report.destroyed).toBe(1);
    });

    test("a runtime that replays wrongly is found out and not used", { timeout: 300_000 }, async () => {
      const report = await page.evaluate(() => window.onnx.capture(true));
      expect(report.info.graphCapture).toEqual([{ agrees: false, difference: expect.any(Number) }]);
      expect(Math.max(...report.differences)).toBe(0);
      expect(report.otherBatch).toMatch(/^INVALID_INPUT .* graphCapture fixed the batch at 2/);
      expect(report.destroyed).toBe(report.bound);
    });
  });

  test("fused attention is used if it is right on this very device", { timeout: 300_000 }, async () => {
    const { attention, attentionCheck } = await page.evaluate(() => window.onnx.fusedAttention());
    expect(attentionCheck!.difference).toEqual(expect.any(Number));
    expect(attention).toBe(attentionCheck!.difference! < 1e-4 ? "fused" : "decomposed");
  });

  test("runs leave no GPU buffers, and the last session gives the device away", async () => {
    const { buffers, lost } = await onNewPage((page) => page.evaluate(() => window.onnx.sustain()));
    expect(buffers[0]).toBeGreaterThan(0);
    expect(buffers[1]).toBeLessThanOrEqual(buffers[0]!);
    expect(lost).toBe("destroyed");
  });

  test("a device lost in mid-run fails this and later runs, and another backend gets a new one", async () => {
    const report = await onNewPage((page) => page.evaluate(() => window.onnx.loseDevice()));
    expect(report.failures).toHaveLength(4);
    for (const failure of report.failures)
      expect(failure).toMatch(
        /^DEVICE_LOST run on device 'webgpu': the GPU device was lost \(.*\): dispose this backend/,
      );
    expect(report.disposed).toMatch(/^DISPOSED /);
    expect(report.after).toBe(report.before);
  });

  test("half precision is refused while the backend is created", async () => {
    expect(await page.evaluate(() => window.onnx.halfPrecision())).toBe(
      "UNSUPPORTED_DTYPE device 'webgpu': the adapter has no 'shader-f16': pass dtype 'fp32'",
    );
  });

  test("without an adapter it says what to do", async () => {
    const bare = await chromium.launch({ executablePath: browserPath!, args: ["--no-sandbox"] });
    try {
      const page = await open(bare);
      expect(await page.evaluate(() => window.onnx.withoutAdapter())).toBe(
        "BACKEND_UNAVAILABLE device 'webgpu': the browser has no adapter for this machine's GPU: pass device 'wasm'",
      );
    } finally {
      await bare.close();
    }
  });

  test.each([
    [
      "WebAssembly",
      strictPolicy.replace(" 'wasm-unsafe-eval'", ""),
      /^BACKEND_UNAVAILABLE device 'wasm' of ONNX Runtime needs WebAssembly, which the Content-Security-Policy of this page or worker forbids: allow 'wasm-unsafe-eval' in script-src$/,
    ],
    [
      "threads, which the runtime waits for without end",
      strictPolicy.replace("worker-src 'self'", "worker-src 'none'"),
      /^BACKEND_UNAVAILABLE opening the model on device 'wasm': the Content-Security-Policy .* blocks '.*\.mjs': allow it in worker-src$/,
    ],
    [
      "the runtime's files",
      `${strictPolicy}; connect-src 'none'`,
      /^BACKEND_UNAVAILABLE opening the model on device 'wasm': the Content-Security-Policy .* blocks '.*\.wasm': allow it in connect-src$/,
    ],
  ])("a policy that forbids %s is named", async (_, policy, named) => {
    const failure = await onNewPage(async (page) => {
      await underPolicy(page, url, policy);
      return page.evaluate(() => window.onnx.threads(2));
    });
    expect(failure).toMatch(named);
  });

  describe("threads of wasm", () => {
    test("are as many as asked for", async () => {
      expect(await onNewPage((page) => page.evaluate(() => window.onnx.threads(2)))).toBe(2);
    });

    test("are refused by name in a page that is not isolated, which runs with one", async () => {
      const asked = await onNewPage(
        async (page) => [
          await page.evaluate(() => window.onnx.threads(2)),
          await page.evaluate(() => window.onnx.threads()),
          await page.evaluate(() => window.onnx.threads(1)),
        ],
        (page) =>
          page.route(url, async (route) => {
            const response = await route.fetch();
            const headers = { "content-type": "text/html", "content-security-policy": strictPolicy };
            await route.fulfill({ response, headers });
          }),
      );
      expect(asked).toEqual([
        expect.stringMatching(/^INVALID_OPTION .*'Cross-Origin-Opener-Policy: same-origin'.*or pass threads: 1$/),
        1,
        1,
      ]);
    });
  });
});
