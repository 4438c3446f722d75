/** Tests the built core, and the backends that need no runtime, in a real browser, in the page and in a worker. */
import { readFileSync } from "node:fs";
import type { Server } from "node:http";
import { join } from "node:path";
import { createCpuBackend } from "@ppt-vit/backend-cpu";
import { createVisionModel, parseModelConfig, parseReduction, parseSafetensors } from "@ppt-vit/core";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { root } from "../scripts/workspace.mjs";
import { browserPath, launchBrowser, serve } from "./browser/serve.js";

const modelFolder = join(root, "packages/demo-model/model");
const pixels = Float32Array.from({ length: 3 * 224 * 224 }, (_, i) => Math.sin(i * 0.01) + 0.3 * Math.sin(i * 0.37));

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

// scripts/check.mjs reports when these tests are skipped. In CI a missing browser is a failure there.
describe.skipIf(!browserPath)("backends without a runtime in a browser", () => {
  let server: Server;
  let browser: Browser;
  let page: Page;
  const problems: string[] = [];
  let expected: Awaited<ReturnType<typeof expectedHere>>;

  beforeAll(async () => {
    const served = await serve({
      scripts: { "/page.js": "page.ts", "/worker.js": "worker.ts" },
      folders: { model: modelFolder },
      files: {
        "/pixels": new Uint8Array(pixels.buffer),
        "/ppt-vit-wasm-thread.js": readFileSync(join(root, "packages/backend-wasm/dist/ppt-vit-wasm-thread.js")),
      },
    });
    server = served.server;
    expected = await expectedHere();
    browser = await launchBrowser();
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

  test.each([
    ["classifyHere", "cpu"],
    ["classifyInWorker", "cpu"],
    ["classifyHere", "simd"],
    ["classifyInWorker", "relaxed-simd"],
    ["classifyHere", "2 threads"],
    ["classifyInWorker", "3 threads"],
  ] as const)("%s gives the result of Node's CPU backend on %s", async (where, backend) => {
    const actual = await page.evaluate(([name, own]) => window[name](own), [where, backend] as const);
    expect(actual.policies).toEqual(expected.policies);
    // Engines may differ in the last bit of Math.exp. The sums of the wasm backend are float32.
    const allowed = backend === "cpu" ? 1e-5 : 1e-5 * Math.max(...expected.logits.map(Math.abs));
    actual.logits.forEach((logit, i) => void expect(Math.abs(logit - expected.logits[i]!)).toBeLessThan(allowed));
    if (/threads$/.test(backend)) expect(actual.runtime).toMatch(new RegExp(`, ${backend}$`));
    expect(problems).toEqual([]);
  });

  test("threads change no bit, and none is left", async () => {
    const results = await page.evaluate(async () => {
      const all = [];
      for (const backend of ["relaxed-simd", "2 threads", "3 threads"] as const)
        all.push(await window.classifyHere(backend));
      return all.map(({ logits }) => logits);
    });
    expect(results[1]).toEqual(results[0]);
    expect(results[2]).toEqual(results[0]);
    // A worker of an earlier test lives as long as the page.
    await expect.poll(() => page.workers().filter((worker) => /thread/.test(worker.url())).length).toBe(0);
  });
});
