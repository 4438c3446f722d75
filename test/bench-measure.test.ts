/** Tests benchmarks on the built page in a real browser, which run beside the page's thread. */
import { copyFileSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Page } from "playwright-core";
import sharp from "sharp";
import { describe, expect, test } from "vitest";
import {
  browser,
  dist,
  emulatedMs,
  messages,
  open,
  shots,
  statusOf,
  testNothingComplained,
  tiny,
  useBenchPage,
} from "./browser/bench-page.js";
import { browserPath } from "./browser/serve.js";

/** The fields that are read of Chrome's traces. Times are in microseconds. */
interface TraceEvent {
  readonly name: string;
  readonly pid: number;
  readonly tid: number;
  readonly args: { readonly name?: string };
  readonly dur?: number;
  /** Processor time. */
  readonly tdur?: number;
}

/** The WebGPU objects that are used. */
interface DeviceLike {
  destroy(): void;
}
interface AdapterLike {
  requestDevice(...options: unknown[]): Promise<DeviceLike>;
}

// scripts/check.mjs reports when these tests are skipped. In CI a missing browser is a failure there.
describe.skipIf(!browserPath)("benchmarks on the page", () => {
  useBenchPage();

  /**
   * Prints how long the tasks of the page's thread were, for people to read. No limit would hold every time on a shared
   * machine. The reasons for short tasks are tested below.
   */
  function recordTasks(trace: Buffer): void {
    const { traceEvents: events }: { traceEvents: TraceEvent[] } = JSON.parse(trace.toString("utf8"));
    const pages = events.filter(({ name, args }) => name === "thread_name" && args.name === "CrRendererMain");
    const tasks = events.filter(
      ({ name, pid, tid, tdur }) =>
        tdur !== undefined && name.endsWith("RunTask") && pages.some((page) => page.pid === pid && page.tid === tid),
    );
    expect(tasks.length).toBeGreaterThan(100);
    const longest = (key: "dur" | "tdur") => Math.max(...tasks.map((task) => task[key] ?? 0)) / 1000;
    const record = { tasks: tasks.length, longestMs: longest("dur"), longestProcessorMs: longest("tdur") };
    writeFileSync(join(shots, "main-thread.json"), `${JSON.stringify(record)}\n`);
  }

  /** Records on the page, in `used`, which parts of a runtime or device its own thread starts from now on. */
  const noteComputing = (page: Page) =>
    page.addInitScript(() => {
      const used: string[] = [];
      Object.assign(globalThis, { used });
      const note = (owner: object, name: string) => {
        const original = Reflect.get(owner, name) as (...all: unknown[]) => unknown;
        const noting = function (this: unknown, ...all: unknown[]) {
          used.push(name);
          return Reflect.apply(original, this, all);
        };
        Object.defineProperty(owner, name, { value: noting });
      };
      for (const name of ["compile", "compileStreaming", "instantiate", "instantiateStreaming"])
        note(WebAssembly, name);
      const { GPUAdapter } = globalThis as never as { GPUAdapter: { prototype: object } };
      note(GPUAdapter.prototype, "requestDevice");
      note(WebGL2RenderingContext.prototype, "linkProgram");
    });

  async function expectNoComputing(page: Page): Promise<void> {
    expect(await page.evaluate(() => (globalThis as never as { used: string[] }).used)).toEqual([]);
    // The code of models is in the workers' scripts, and in no script that the page loads.
    const scripts = readdirSync(join(dist, "assets"))
      .filter((name) => name.endsWith(".js"))
      .map((name) => ({ name, text: readFileSync(join(dist, "assets", name), "utf8") }));
    const loaded = await page.evaluate(() => [
      ...[...document.scripts].map(({ src }) => src),
      ...performance
        .getEntriesByType("resource")
        .filter((entry) => /^(script|link)$/.test((entry as PerformanceResourceTiming).initiatorType))
        .map(({ name }) => name),
    ]);
    for (const mark of ["matMul: inner dimensions differ", "reduction.json", "MatMulNBits"]) {
      const having = scripts.filter(({ text }) => text.includes(mark)).map(({ name }) => name);
      expect(having, mark).not.toEqual([]);
      for (const name of having)
        expect(
          loaded.filter((url) => url.endsWith(name)),
          `${mark} in the page`,
        ).toEqual([]);
    }
  }

  test("a benchmark over WebAssembly on any number of threads, WebGPU and WebGL runs beside the page's own thread, is cancelled, and runs again", async () => {
    const page = await open("?backend=cpu&backends=wasm,wasm-1,onnx-wasm,onnx-webgpu,tfjs-webgl&runs=2&warmup=1", {
      prepare: noteComputing,
    });
    await page.locator("#folder").setInputFiles(tiny);
    await statusOf(page, "view-status", /^dog: \w+, [\d.]+ % unreduced/);
    await page.click("#tab-bench");
    await browser.startTracing(page, { categories: ["toplevel", "__metadata"] });
    await page.click("#bench-start");
    await statusOf(page, "bench-status", /^Done: 10 measured, 0 failed\.$/);
    const rows = await page.locator("#bench-rows tr").allTextContents();
    expect(rows).toHaveLength(10);
    expect(rows[0]).toMatch(/^ppt-vit · WebAssembly Unreduced[\d.]+1\.00×/);
    expect(await page.locator("#bench-plots svg").count()).toBe(3);
    const best = await page.locator("#bench-best").textContent();
    recordTasks(await browser.stopTracing());
    await expectNoComputing(page);

    const [download] = await Promise.all([page.waitForEvent("download"), page.click("#bench-download")]);
    const report = JSON.parse(readFileSync(await download.path(), "utf8"));
    expect(report).toMatchObject({
      format: "ppt-vit-bench/2",
      settings: { runs: 2, warmup: 1, batches: [1], dtypes: ["fp32"] },
      versions: { "onnxruntime-web": expect.stringMatching(/^1\./) },
      failures: [],
    });
    expect(report.machine.adapter).toMatch(/swiftshader/i);
    expect(report.cells.map((cell: { backend: string; policy: string }) => `${cell.backend} ${cell.policy}`)).toEqual(
      ["wasm", "wasm-1", "onnx-wasm", "onnx-webgpu", "tfjs-webgl"].flatMap((name) => [
        `${name} unreduced`,
        `${name} ppt`,
      ]),
    );
    for (const cell of report.cells) {
      expect(cell.latenciesMs).toHaveLength(2);
      expect(cell.medianMs).toBeGreaterThan(0);
      // All backends agree with the plain CPU backend: on the class, and in the numbers.
      expect(cell.label.split(",")[0]).toBe(report.cells[0].label.split(",")[0]);
      expect(cell.difference).toBeLessThan(2e-3);
      if (cell.policy === "unreduced") expect(cell.agreement).toBe(undefined);
      else expect(cell.agreement).toEqual({ same: expect.any(Number), of: 8 });
    }
    const rates: number[] = report.cells.map(({ imagesPerSecond }: { imagesPerSecond: number }) => imagesPerSecond);
    const [, rate] = /^Fastest here: .+: ([\d.]+) images\/s/.exec(best ?? "") ?? [];
    expect(Math.abs(Number(rate) / Math.max(...rates) - 1)).toBeLessThan(0.01);

    await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
    await page.click("#bench-copy");
    await statusOf(page, "bench-status", /in the clipboard/);
    expect(JSON.parse(await page.evaluate(() => navigator.clipboard.readText()))).toEqual(report);

    // The same result as a table, as a link, and as a file beside the own ones.
    const clipboard = () => page.evaluate(() => navigator.clipboard.readText());
    await page.click("#bench-markdown");
    await statusOf(page, "bench-status", /^The table is in the clipboard/);
    expect((await clipboard()).match(/^\| .* \|$/gm)).toHaveLength(11);
    await page.click("#bench-link");
    await statusOf(page, "bench-status", /^The link is in the clipboard/);
    const [, hash] = (await clipboard()).split("#");
    await page.locator("#bench-import").setInputFiles(await download.path());
    await page.locator("#bench-rows tr", { hasText: "(here 1.00×)" }).first().waitFor();
    const receiver = await open(`?tab=bench&autorun=1&backends=wasm,onnx-webgpu,gone&runs=1&warmup=0#${hash}`, {
      // A machine without WebGPU takes none from the sender.
      prepare: (page) => page.addInitScript(() => Object.defineProperty(navigator, "gpu", { value: undefined })),
    });
    await statusOf(receiver, "bench-status", /^Done: 2 measured, 0 failed\.$/);
    expect(await receiver.locator("#bench-rows tr").count()).toBe(10);
    expect(await receiver.locator("#bench-facts").textContent()).toMatch(/^Here: Demo model .* — Theirs: ppt-vit-tiny/);
    await receiver.close();
    await page.locator("#bench-import").setInputFiles(join(tiny, "config.json"));
    await page.locator("#messages .message p", { hasText: /^config\.json cannot be shown: its format is/ }).waitFor();
    await page.locator("#messages button").click();

    await page.fill("#runs", "1000");
    await page.locator("#runs").blur();
    await page.click("#bench-start");
    await page.waitForFunction(() => /: run /.test(document.getElementById("bench-now")!.textContent!));
    // Skipping and cancelling keep what is measured.
    await page.click("#bench-skip");
    await statusOf(page, "bench-now", /one thread, PPT: run /);
    await page.click("#bench-cancel");
    await statusOf(page, "bench-status", /^Cancelled: 4 measured, 0 failed, .* not finished\.$/);
    expect(await page.locator("#bench-rows tr", { hasText: "(here" }).count()).toBe(4);
    expect(await page.locator("#bench-cancel").isVisible()).toBe(false);

    await page.fill("#runs", "1");
    await page.locator("#runs").blur();
    for (const name of ["onnx-wasm", "onnx-webgpu", "tfjs-webgl"]) await page.uncheck(`#bench-backends-${name}`);
    // Several sizes of batches are a curve of each backend. A precision that no adapter here has cannot be chosen.
    expect(await page.locator("#bench-dtypes-fp16").isDisabled()).toBe(true);
    await page.check("#bench-dtypes-q8");
    await page.fill("#batches", "2, many");
    await page.locator("#batches").blur();
    expect(await page.locator("#batches-complaint").textContent()).toContain("“many” pictures per run");
    await page.fill("#batches", "4, 1");
    await page.locator("#batches").blur();
    await page.click("#bench-start");
    await statusOf(page, "bench-status", /^Done: 16 measured, 0 failed\.$/);
    expect(page.url()).toContain("backends=wasm,wasm-1&dtypes=fp32,q8&runs=1&warmup=1&batch=1,4");
    expect(await page.locator("#bench-rows th").nth(1).textContent()).toMatch(/Unreduced, 4 at once$/);
    const curves = page.locator("#bench-plots .curve");
    expect(await curves.count()).toBe(8);
    expect(await curves.first().getAttribute("d")).toMatch(/^M[\d.]+ [\d.]+L[\d.]+ [\d.]+$/);
    const [card] = await Promise.all([page.waitForEvent("download"), page.click("#bench-card")]);
    const { width, height } = await sharp(await card.path()).metadata();
    expect([width, height]).toEqual([1200, 630]);
    copyFileSync(await card.path(), join(shots, "card.png"));
    expect(await messages(page)).toEqual([]);
    await page.close();
  });

  test("a GPU lost in the middle and a hidden tab are noted beside the results of the others", async () => {
    const page = await open("?backend=cpu&backends=onnx-webgpu,cpu&policies=unreduced&runs=40");
    await page.locator("#folder").setInputFiles(tiny);
    await statusOf(page, "view-status", /^dog: \w+, [\d.]+ % unreduced/);
    await page.click("#tab-bench");
    // What the others are compared with comes from the worker that is there already.
    const [worker] = await Promise.all([page.waitForEvent("worker"), page.click("#bench-start")]);
    await worker.evaluate(() => {
      const { prototype } = (globalThis as never as { GPUAdapter: { prototype: AdapterLike } }).GPUAdapter;
      const { requestDevice } = prototype;
      prototype.requestDevice = async function (...options: unknown[]) {
        const device = await requestDevice.apply(this, options);
        Object.assign(globalThis, { device });
        return device;
      };
    });
    await statusOf(page, "bench-now", /WebGPU, Unreduced: run \d/);
    await page.evaluate(() => Object.defineProperty(document, "visibilityState", { value: "hidden" }));
    await worker.evaluate(() => (globalThis as never as { device: DeviceLike }).device.destroy());
    await statusOf(page, "bench-status", /^Done: 1 measured, 1 failed\.$/);
    const notes = await page.locator("#bench-notes li").allTextContents();
    expect(notes).toEqual([
      expect.stringMatching(/^ONNX Runtime · WebGPU, Unreduced: .*device/),
      expect.stringMatching(/^The tab was hidden during \d+ runs/),
    ]);
    expect(await page.locator("#bench-rows tr").count()).toBe(1);
    await page.close();
  });

  test("twenty benchmarks leave nothing behind", async () => {
    const page = await open("?backend=cpu&backends=wasm-1&policies=unreduced,ppt&runs=1&warmup=0");
    await page.locator("#folder").setInputFiles(tiny);
    await statusOf(page, "view-status", /^dog: \w+, [\d.]+ % unreduced/);
    await page.click("#tab-bench");
    const session = await page.context().newCDPSession(page);
    const run = async () => {
      await page.click("#bench-start");
      await page.locator("#bench-start:enabled").waitFor({ timeout: emulatedMs });
      expect(await page.locator("#bench-status").textContent()).toBe("Done: 2 measured, 0 failed.");
    };
    const held = async () => {
      await session.send("HeapProfiler.collectGarbage");
      const { nodes, jsEventListeners } = await session.send("Memory.getDOMCounters");
      const { usedSize } = await session.send("Runtime.getHeapUsage");
      return { nodes, jsEventListeners, usedSize };
    };
    for (let i = 0; i < 3; i++) await run();
    const before = await held();
    for (let i = 3; i < 20; i++) await run();
    expect(page.workers()).toHaveLength(1);
    // The browser drops detached nodes when it has time. What leaks stays.
    for (const key of ["nodes", "jsEventListeners", "usedSize"] as const)
      await expect.poll(async () => (await held())[key]).toBeLessThan(1.1 * before[key]);
    await page.close();
  });

  testNothingComplained();
});
