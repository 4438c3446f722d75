/** The built benchmark app in a real browser, driven as a person would. */
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { policyNames } from "@ppt-vit/core";
import type { AxeResults } from "axe-core";
import type { Browser, Page, ViewportSize } from "playwright-core";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { fromUserAgent, shortRenderer } from "../apps/bench/src/machine.js";
import { defaultSettings, formatSettings, parseSettings, policies, reductionOf } from "../apps/bench/src/settings.js";
import { edgesOf, groupsOf } from "../apps/bench/src/tokens.js";
import { type FakeHub, startHub } from "../packages/pipeline/test/fake-hub.js";
import { root } from "../scripts/workspace.mjs";
import { contrastProblems, unlabelledControls } from "./browser/bench-access.js";
import { writeTinyModel } from "./browser/bench-model.js";
import { type Host, host, parseHeadersFile } from "./browser/bench-serve.js";
import { browserPath, launchBrowser } from "./browser/serve.js";

/** What is read of Chrome's traces; times in microseconds. */
interface TraceEvent {
  readonly name: string;
  readonly pid: number;
  readonly tid: number;
  readonly args: { readonly name?: string };
  readonly dur?: number;
  /** Processor time. */
  readonly tdur?: number;
}

/** What `axe-core` adds to a page. */
interface PageWithAxe {
  readonly axe: { run(context: string, options: object): Promise<AxeResults> };
}
const axeSource = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** What is used of WebGPU's objects. */
interface DeviceLike {
  destroy(): void;
}
interface AdapterLike {
  requestDevice(...options: unknown[]): Promise<DeviceLike>;
}

/** Room for GPUs that a busy processor emulates: to compile a model's shaders takes it up to a minute. */
const emulatedMs = 200_000;

const wide: ViewportSize = { width: 1360, height: 900 };

interface OpenOptions {
  readonly viewport?: ViewportSize;
  readonly url?: string;
  /** Runs before anything of the page does. */
  readonly prepare?: (page: Page) => Promise<unknown>;
}

const dist = join(root, "apps/bench/dist");
const samples = join(root, "packages/demo-model/samples");
/** What hosts are told to send, as the build writes it for two of them. */
const recipe = existsSync(join(dist, "_headers")) ? parseHeadersFile(readFileSync(join(dist, "_headers"), "utf8")) : {};
/** Looked at by people; git ignores it. */
const shots = join(root, "test-artifacts/bench");

describe("the app's own arithmetic", () => {
  test("settings survive the address, and what is wrong in it is named", () => {
    const settings = {
      ...defaultSettings,
      hub: "facebook/deit-small-patch16-224",
      policy: "pool" as const,
      layers: [2, 5],
      tokensRemoved: 20,
      threshold: 7e-5,
      backends: ["cpu"],
      runs: 3,
    };
    expect(formatSettings(settings)).toBe(
      "?model=facebook/deit-small-patch16-224&policy=pool&layers=2,5&removed=20&threshold=0.00007&backends=cpu&runs=3",
    );
    expect(parseSettings(formatSettings(settings))).toEqual({ settings, problems: [] });
    expect(formatSettings(defaultSettings)).toBe("");
    const { settings: fallen, problems } = parseSettings(
      "?runs=0&policy=magic&layers=5,2&threshold=-1&batch=2&model=deit",
    );
    expect(fallen).toEqual({ ...defaultSettings, batch: 2 });
    expect(problems.map((problem) => problem.split(" ")[0])).toEqual([
      "model",
      "policy",
      "layers",
      "threshold",
      "runs",
    ]);
  });

  test("a policy becomes a reduction; what is not set is left to the model", () => {
    expect(reductionOf("unreduced", defaultSettings)).toBe(false);
    expect(reductionOf("ppt", defaultSettings)).toEqual({});
    expect(reductionOf("prune", { ...defaultSettings, layers: [3], threshold: 1 })).toEqual({
      layers: [3],
      threshold: "prune",
    });
    // Whatever is registered can be chosen.
    expect(policies).toEqual(["unreduced", "ppt", "prune", "pool", ...policyNames.filter((name) => name !== "ppt")]);
    expect(reductionOf("tome", { ...defaultSettings, layers: [3], threshold: 1 })).toEqual({
      policy: "tome",
      layers: [3],
    });
  });

  test("groups are outlined where they meet others", () => {
    // 2 x 3 patches: 0 and 1 and 4 are one token, 5 was pruned.
    const grid = { rows: 2, columns: 3 };
    const groups = groupsOf(Int32Array.of(1, 1, 2, 3, 1, -1));
    expect(groups).toEqual([{ patches: [0, 1, 4] }, { patches: [2] }, { patches: [3] }]);
    const members = new Set([0, 1, 4]);
    expect(edgesOf(0, members, grid)).toEqual([true, false, true, true]);
    expect(edgesOf(1, members, grid)).toEqual([true, true, false, false]);
    expect(edgesOf(4, members, grid)).toEqual([false, true, true, true]);
  });

  test("machines have short names", () => {
    expect(shortRenderer("ANGLE (Intel, Mesa Intel(R) UHD 620 (KBL GT2), OpenGL 4.6)")).toBe(
      "Mesa Intel(R) UHD 620 (KBL GT2)",
    );
    expect(fromUserAgent("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")).toEqual({
      browser: "Firefox 140.0",
      system: "X11, Linux x86_64",
    });
  });
});

// scripts/check.mjs says in one line when this is skipped; in CI a missing browser is a failure there.
describe.skipIf(!browserPath)("the benchmark app", () => {
  let served: Host;
  let browser: Browser;
  let tiny: string;
  const problems: string[] = [];

  beforeAll(async () => {
    if (!existsSync(join(dist, "index.html"))) throw new Error("apps/bench/dist is missing: run pnpm build first");
    mkdirSync(shots, { recursive: true });
    tiny = mkdtempSync(join(tmpdir(), "ppt-vit-tiny-"));
    writeTinyModel(tiny);
    served = await host({ "": dist }, {}, recipe);
    browser = await launchBrowser();
  });
  afterAll(async () => {
    await browser?.close();
    served?.server.close();
    rmSync(tiny, { recursive: true, force: true });
  });

  /** A page that notes what must not happen: errors in the console, and requests to other hosts. */
  async function open(query = "", { viewport = wide, url = served.url, prepare }: OpenOptions = {}): Promise<Page> {
    const page = await browser.newPage({ viewport });
    page.on("console", (message) => {
      if (message.type() === "error") problems.push(message.text());
    });
    page.on("pageerror", (error) => problems.push(String(error)));
    page.context().on("request", (request) => {
      const asked = request.url();
      if (!asked.startsWith(url) && !/^(blob|data):/.test(asked)) problems.push(`asked ${asked}`);
    });
    await prepare?.(page);
    await page.goto(`${url}${query}`);
    return page;
  }

  const statusOf = (page: Page, id: string, pattern: RegExp) =>
    page.waitForFunction(
      ([id, source]) => new RegExp(source!).test(document.getElementById(id!)?.textContent ?? ""),
      [id, pattern.source],
      { timeout: emulatedMs },
    );

  const messages = (page: Page) => page.locator("#messages .message p").allTextContents();

  /** Puts files on the page as a drop of the mouse does. */
  async function drop(page: Page, files: { name: string; type: string; bytes: Uint8Array }[]): Promise<void> {
    const transfer = await page.evaluateHandle(
      (all) => {
        const data = new DataTransfer();
        for (const { name, type, base64 } of all) {
          const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
          data.items.add(new File([bytes], name, { type }));
        }
        return data;
      },
      files.map(({ name, type, bytes }) => ({ name, type, base64: Buffer.from(bytes).toString("base64") })),
    );
    for (const event of ["dragenter", "dragover", "drop"])
      await page.dispatchEvent("body", event, { dataTransfer: transfer });
  }
  const picture = (file: string) => ({
    name: file.replace(/^\d+_/, "my-"),
    type: "image/png",
    bytes: readFileSync(join(samples, file)),
  });

  test("a dropped picture gets its labels, and its tokens are drawn", async () => {
    const page = await open("?policy=prune");
    await statusOf(page, "view-status", /^dog: dog, \d/);
    await drop(page, [picture("023_pizza.png")]);
    await statusOf(page, "view-status", /^my-pizza\.png: pizza, [\d.]+ % unreduced, pizza, [\d.]+ % with Prune only/);
    expect(await page.locator("#stages figure").count()).toBe(4);
    expect(await page.locator("#labels li:first-child .label").allTextContents()).toEqual(["pizza", "pizza"]);

    // Pruned patches are dark, the others are the picture's own.
    const dark = await page.evaluate(() => {
      const grids = [...document.querySelectorAll<HTMLCanvasElement>("#stages canvas")].map((canvas) => {
        const side = canvas.width / 14;
        const context = canvas.getContext("2d", { willReadFrequently: true })!;
        return Array.from({ length: 196 }, (_, patch) => {
          const x = Math.floor(((patch % 14) + 0.5) * side);
          const y = Math.floor((Math.floor(patch / 14) + 0.5) * side);
          return Array.from(context.getImageData(x, y, 1, 1).data.slice(0, 3));
        });
      });
      const [original, ...stages] = grids;
      return stages.map((stage) => ({
        veiled: stage.filter((rgb, i) => rgb.every((v, c) => Math.abs(v - (0.14 * original![i]![c]! + 9)) < 6)).length,
        untouched: stage.filter((rgb, i) => String(rgb) === String(original![i])).length,
      }));
    });
    expect(dark.map(({ untouched }) => untouched)).toEqual([146, 96, 48]);
    expect(dark.map(({ veiled }) => veiled)).toEqual([50, 100, 148]);

    await page.selectOption("#policy", "pool");
    await statusOf(page, "view-status", /^my-pizza\.png: pizza, .* with Pool only/);
    expect(page.url()).toContain("policy=pool");
    // Merged patches are outlined: strong colours where the picture has none of them.
    const outlined = await page.evaluate(() => {
      const [original, first] = [...document.querySelectorAll<HTMLCanvasElement>("#stages canvas")].map((canvas) =>
        canvas
          .getContext("2d")!
          .getImageData(0, 0, canvas.width, canvas.height)
          .data.filter((_, i) => i % 4 < 3),
      );
      return first!.filter((value, i) => Math.abs(value - original![i]!) > 40).length / first!.length;
    });
    expect(outlined).toBeGreaterThan(0.04);
    expect(outlined).toBeLessThan(0.5);
    await page.close();
  });

  test("pictures come from the clipboard and the camera, too", async () => {
    const page = await open("?backend=cpu");
    await page.locator("#folder").setInputFiles(tiny);
    await statusOf(page, "view-status", /^dog: \w+, [\d.]+ % unreduced/);
    // Emulated GPUs are not among what is measured unless they are asked for.
    expect(await page.locator("#bench-backends input:checked").count()).toBe(2);
    await page.evaluate(async () => {
      const blob = await (await fetch("samples/029_car.png")).blob();
      const clipboardData = new DataTransfer();
      clipboardData.items.add(new File([blob], "pasted.png", { type: "image/png" }));
      window.dispatchEvent(new ClipboardEvent("paste", { clipboardData }));
    });
    await statusOf(page, "view-status", /^pasted\.png: \w+, [\d.]+ % unreduced/);
    // The browser's own test picture. First nobody has allowed it.
    await page.context().grantPermissions([]);
    await page.click("#camera-open");
    await page.locator("#messages .message p", { hasText: /^No camera: .*denied/i }).waitFor();
    await page.locator("#messages button").click();
    await page.context().grantPermissions(["camera"]);
    await page.click("#camera-open");
    await page.waitForFunction(() => document.querySelector("video")!.videoWidth > 0);
    await page.click("#camera-take");
    await statusOf(page, "view-status", /^camera 2: \w+, [\d.]+ % unreduced/);
    expect(await page.locator("#camera").isVisible()).toBe(false);
    expect(await page.locator("#own li").count()).toBe(2);
    expect(await messages(page)).toEqual([]);
    await page.close();
  });

  /**
   * How long the tasks of a page's thread were, for people to look at: on a machine that others use too, no limit would
   * hold every time. What keeps them short is tested below.
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

  /** Notes on the page from now on, in `used`, what of a runtime or a device its own thread starts. */
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
    // What a model is made of is in the workers' scripts, and in none that the page loads.
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
    for (const mark of ["matMul: inner dimensions differ", "reduction.json", "onnxruntime"]) {
      const having = scripts.filter(({ text }) => text.includes(mark)).map(({ name }) => name);
      expect(having, mark).not.toEqual([]);
      for (const name of having)
        expect(
          loaded.filter((url) => url.endsWith(name)),
          `${mark} in the page`,
        ).toEqual([]);
    }
  }

  test("a benchmark over CPU, WebAssembly, WebGPU and WebGL runs beside the page's own thread, is cancelled, and runs again", async () => {
    const page = await open("?backend=cpu&backends=cpu,onnx-wasm,onnx-webgpu,tfjs-webgl&runs=2&warmup=1", {
      prepare: noteComputing,
    });
    await page.locator("#folder").setInputFiles(tiny);
    await statusOf(page, "view-status", /^dog: \w+, [\d.]+ % unreduced/);
    await browser.startTracing(page, { categories: ["toplevel", "__metadata"] });
    await page.click("#bench-start");
    await statusOf(page, "bench-status", /^Done: 8 measured, 0 failed\.$/);
    const rows = await page.locator("#bench-rows tr").allTextContents();
    expect(rows).toHaveLength(8);
    expect(rows[0]).toMatch(/^Plain TypeScript Unreduced[\d.]+1\.00×/);
    expect(await page.locator("#bench-plots svg").count()).toBe(3);
    const best = await page.locator("#bench-best").textContent();
    recordTasks(await browser.stopTracing());
    await expectNoComputing(page);

    const [download] = await Promise.all([page.waitForEvent("download"), page.click("#bench-download")]);
    const report = JSON.parse(readFileSync(await download.path(), "utf8"));
    expect(report).toMatchObject({
      format: "ppt-vit-bench/1",
      settings: { runs: 2, warmup: 1, batch: 1 },
      failures: [],
    });
    expect(report.machine.adapter).toMatch(/swiftshader/i);
    expect(report.cells.map((cell: { backend: string; policy: string }) => `${cell.backend} ${cell.policy}`)).toEqual(
      ["cpu", "onnx-wasm", "onnx-webgpu", "tfjs-webgl"].flatMap((name) => [`${name} unreduced`, `${name} ppt`]),
    );
    for (const cell of report.cells) {
      expect(cell.latenciesMs).toHaveLength(2);
      expect(cell.medianMs).toBeGreaterThan(0);
      // All backends agree on what they see.
      expect(cell.label).toBe(report.cells[0].label);
    }
    const rates: number[] = report.cells.map(({ imagesPerSecond }: { imagesPerSecond: number }) => imagesPerSecond);
    const [, rate] = /^Fastest here: .+: ([\d.]+) images\/s/.exec(best ?? "") ?? [];
    expect(Math.abs(Number(rate) / Math.max(...rates) - 1)).toBeLessThan(0.01);

    await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
    await page.click("#bench-copy");
    await statusOf(page, "bench-status", /in the clipboard/);
    expect(JSON.parse(await page.evaluate(() => navigator.clipboard.readText()))).toEqual(report);

    await page.fill("#runs", "1000");
    await page.locator("#runs").blur();
    await page.click("#bench-start");
    await page.waitForFunction(() => /: run /.test(document.getElementById("bench-now")!.textContent!));
    await page.click("#bench-cancel");
    await statusOf(page, "bench-status", /^Cancelled\.$/);
    expect(await page.locator("#bench-cancel").isVisible()).toBe(false);

    await page.fill("#runs", "1");
    await page.locator("#runs").blur();
    for (const name of ["onnx-webgpu", "tfjs-webgl"]) await page.uncheck(`#bench-backends-${name}`);
    await page.click("#bench-start");
    await statusOf(page, "bench-status", /^Done: 4 measured, 0 failed\.$/);
    expect(page.url()).toContain("backends=cpu,onnx-wasm&runs=1");
    expect(await messages(page)).toEqual([]);
    await page.close();
  });

  test("a GPU lost in the middle and a hidden tab are noted beside the results of the others", async () => {
    const page = await open("?backend=cpu&backends=onnx-webgpu,cpu&policies=unreduced&runs=40");
    await page.locator("#folder").setInputFiles(tiny);
    await statusOf(page, "view-status", /^dog: \w+, [\d.]+ % unreduced/);
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

  test("bad input is a message, and the app goes on", async () => {
    const page = await open("?backend=cpu&runs=many");
    await page.locator("#folder").setInputFiles(tiny);
    await statusOf(page, "view-status", /^dog: \w+, [\d.]+ % unreduced/);
    expect(await messages(page)).toEqual([expect.stringContaining("runs in the address: “many”")]);
    const dismiss = async () => {
      for (const button of await page.locator("#messages button").all()) await button.click();
    };
    const said = async (pattern: RegExp) => {
      await page.locator("#messages .message p", { hasText: pattern }).waitFor();
      await dismiss();
    };
    await dismiss();

    // What cannot be read leaves the list, and the page goes back to what can.
    const goesOn = async () => {
      await statusOf(page, "view-status", /^dog: \w+, [\d.]+ % unreduced/);
      expect(await page.locator("#own li").count()).toBe(0);
    };
    await drop(page, [{ name: "note.png", type: "image/png", bytes: Buffer.from("no picture") }]);
    await said(/^note\.png: not a readable picture/);
    await goesOn();
    const side = { width: 10_000, height: 10_000, channels: 3, background: "teal" } as const;
    writeFileSync(join(tiny, "huge.png"), await sharp({ create: side }).png().toBuffer());
    await page.locator("#files").setInputFiles(join(tiny, "huge.png"));
    await said(/^huge\.png: 10000 x 10000 pixels are more than the limit of 64000000/);
    await goesOn();

    await drop(page, [{ name: "config.json", type: "application/json", bytes: Buffer.from("{}") }]);
    await said(/^dropped files on cpu: dropped files\/\w+\.\w+: /);
    const bare = join(tiny, "bare");
    mkdirSync(bare);
    for (const name of ["config.json", "preprocessor_config.json"]) copyFileSync(join(tiny, name), join(bare, name));
    await page.locator("#folder").setInputFiles(bare);
    await said(/^bare on cpu: bare\/model\.safetensors\S* is not among the 2 files/);
    await page.locator("#folder").setInputFiles(tiny);
    await goesOn();
    await page.fill("#hub", "deit");
    await page.click("#hub-load");
    expect(await page.locator("#hub-complaint").textContent()).toMatch(/“deit” is no id of the Hub/);
    await page.fill("#hub", "");
    await page.fill("#layers", "3, two");
    await page.locator("#layers").blur();
    expect(await page.locator("#layers-complaint").textContent()).toMatch(/“3, two” are no block numbers/);
    expect(await page.locator("#layers").getAttribute("aria-invalid")).toBe("true");
    await page.fill("#layers", "99");
    await page.locator("#layers").blur();
    await said(/layer 99 does not exist: the model has 4 blocks/);

    await page.fill("#layers", "");
    await page.locator("#layers").blur();
    await page.getByRole("button", { name: "cat" }).click();
    await statusOf(page, "view-status", /^cat: \w+, [\d.]+ % unreduced/);
    await page.close();
  });

  test("a folder that the mouse drops is a model", async () => {
    const page = await open("?backend=cpu");
    await statusOf(page, "view-status", /^dog: dog, /);
    const folder = join(tiny, "dropped-model");
    mkdirSync(folder);
    for (const name of readdirSync(tiny).filter((file) => /\.(json|safetensors)$/.test(file)))
      copyFileSync(join(tiny, name), join(folder, name));
    // Only the browser itself makes drops with folders in them.
    const session = await page.context().newCDPSession(page);
    const data = { items: [], files: [folder], dragOperationsMask: 1 };
    for (const type of ["dragEnter", "dragOver", "drop"] as const)
      await session.send("Input.dispatchDragEvent", { type, x: 300, y: 300, data });
    await page.waitForFunction(() => document.getElementById("model-title")!.textContent === "dropped-model");
    await statusOf(page, "view-status", /^dog: (circle|square|star|spiral|cross|line), /);
    expect(await page.locator(".drop-hint").isVisible()).toBe(false);
    expect(await messages(page)).toEqual([]);
    await page.close();
  });

  describe("a model of the Hub", () => {
    let hub: FakeHub;
    beforeAll(async () => {
      const names = ["config.json", "preprocessor_config.json", "reduction.json", "model.safetensors"];
      const files = Object.fromEntries(names.map((name) => [name, readFileSync(join(tiny, name))]));
      hub = await startHub({ "org/tiny": { commit: "0123456789abcdef0123456789abcdef01234567", files } });
    });
    afterAll(() => hub.close());

    test("is fetched when it is asked for, and not because an address names it", async () => {
      const page = await browser.newPage();
      await page.context().route("https://huggingface.co/**", async (route) => {
        const { pathname, search } = new URL(route.request().url());
        await route.fulfill({ response: await route.fetch({ url: `${hub.url}${pathname}${search}` }) });
      });
      await page.goto(`${served.url}?model=org/tiny&backend=cpu`);
      await statusOf(page, "view-status", /^dog: dog, /);
      expect(hub.takeSeen()).toEqual([]);
      expect(await page.locator("#hub-note").textContent()).toContain("The address of this page names org/tiny");
      expect(await page.inputValue("#hub")).toBe("org/tiny");
      await page.press("#hub", "Enter");
      await statusOf(page, "view-status", /^dog: (circle|square|star|spiral|cross|line), /);
      expect(hub.takeSeen().length).toBeGreaterThan(3);
      expect(page.url()).toContain("?model=org/tiny");

      await page.fill("#hub", "org/nothing");
      await page.click("#hub-load");
      await page.locator("#messages .message p", { hasText: /^org\/nothing on cpu: .*there is no model/ }).waitFor();
      await page.click("#model-demo");
      await statusOf(page, "view-status", /^dog: dog, /);
      expect(page.url()).not.toContain("model=");
      await page.close();
    });
  });

  test("a host that sends no headers gives one thread, and all else", async () => {
    const plain = await host({ "": dist }, {}, {});
    const page = await open("?backends=onnx-wasm,tfjs-wasm&runs=1&warmup=0", { url: plain.url });
    await statusOf(page, "view-status", /^dog: dog, .* unreduced/);
    expect(await page.locator("#machine").textContent()).toContain("no WebAssembly threads");
    await page.locator("#folder").setInputFiles(tiny);
    await page.click("#bench-start");
    await statusOf(page, "bench-status", /^Done: 4 measured, 0 failed\.$/);
    await page.close();
    plain.server.close();
    expect(plain.missing).toEqual([]);
  });

  /** What axe finds against WCAG 2.2, levels A and AA. */
  async function axeViolations(page: Page): Promise<string[]> {
    await page.evaluate(axeSource);
    const { violations, passes } = await page.evaluate(() =>
      (globalThis as never as PageWithAxe).axe.run("html", {
        runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
      }),
    );
    expect(passes.length).toBeGreaterThan(20);
    return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ target }) => target).join(", ")}`);
  }

  test.each([
    ["phone", 360, 740],
    ["wide", 1360, 900],
  ] as const)("looks finished and reads well: %s", async (name, width, height) => {
    const page = await open("?backends=onnx-wasm,tfjs-wasm&runs=3", { viewport: { width, height } });
    await statusOf(page, "view-status", /^dog: dog, .* unreduced/);
    await page.click("#bench-start");
    await statusOf(page, "bench-status", /^Done: 4/);
    await statusOf(page, "view-status", /^dog: dog, .* unreduced/);
    for (const colorScheme of ["light", "dark"] as const) {
      await page.emulateMedia({ colorScheme });
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(width);
      // The whole page in the window: parts that are out of sight may not be painted yet.
      await page.setViewportSize({ width, height: await page.evaluate(() => document.documentElement.scrollHeight) });
      await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
      await page.screenshot({ path: join(shots, `${name}-${colorScheme}.png`) });
      await page.setViewportSize({ width, height });
      expect(await page.evaluate(contrastProblems)).toEqual([]);
      expect(await axeViolations(page)).toEqual([]);
    }
    expect(await page.evaluate(unlabelledControls)).toEqual([]);

    // The checks see what is wrong.
    await page.evaluate(() => {
      document.querySelector("main")!.insertAdjacentHTML("beforeend", "<p id='pale'>pale</p><button></button>");
      document.getElementById("pale")!.style.color = "var(--line)";
    });
    expect(await page.evaluate(contrastProblems)).toEqual([expect.stringMatching(/: pale$/)]);
    expect(await page.evaluate(unlabelledControls)).toContainEqual(expect.stringMatching(/^no name: <button>/));
    expect(await axeViolations(page)).toContainEqual(expect.stringMatching(/^button-name: /));
    await page.close();
  });

  test("the keyboard reaches every control, and shows where it is", async () => {
    const page = await open("?backend=cpu");
    await page.locator("#folder").setInputFiles(tiny);
    await statusOf(page, "view-status", /^dog: \w+, [\d.]+ % unreduced/);
    const wanted = await page.evaluate(
      () => document.querySelectorAll("main :is(button, input, select):enabled:not([hidden], [hidden] *)").length,
    );
    const reached = new Set<string>();
    for (let i = 0; i < wanted; i++) {
      await page.keyboard.press("Tab");
      const focus = await page.evaluate(() => {
        const here = document.activeElement!;
        const shown = here.matches(".covered") ? document.querySelector(`label[for="${here.id}"]`)! : here;
        return {
          place: here.id || here.getAttribute("aria-label") || here.tagName,
          outline: getComputedStyle(shown).outlineStyle,
        };
      });
      reached.add(focus.place);
      expect(focus, focus.place).toMatchObject({ outline: "solid" });
    }
    expect(reached.size).toBe(wanted);

    // And works them: a picture, a policy, the whole of a benchmark and its end.
    await page.getByRole("button", { name: "cat" }).focus();
    await page.keyboard.press("Enter");
    await statusOf(page, "view-status", /^cat: \w+, [\d.]+ % unreduced, .* with PPT/);
    await page.focus("#policy");
    await page.keyboard.press("ArrowDown");
    await statusOf(page, "view-status", /^cat: .* with Prune only/);
    await page.focus("#bench-backends-onnx-wasm");
    await page.keyboard.press("Space");
    await page.focus("#runs");
    await page.keyboard.press("ControlOrMeta+a");
    await page.keyboard.type("1000");
    await page.focus("#bench-start");
    await page.keyboard.press("Enter");
    await statusOf(page, "bench-now", /: run /);
    // The focus has gone where it is wanted next, and comes back.
    expect(await page.evaluate(() => document.activeElement!.id)).toBe("bench-cancel");
    await page.keyboard.press("Enter");
    await statusOf(page, "bench-status", /^Cancelled\.$/);
    expect(await page.evaluate(() => document.activeElement!.id)).toBe("bench-start");
    await page.context().grantPermissions(["camera"]);
    await page.focus("#camera-open");
    await page.keyboard.press("Enter");
    await page.locator("#camera").waitFor();
    await page.keyboard.press("Escape");
    expect(await page.locator("#camera").isVisible()).toBe(false);
    await page.close();
  });

  test("nothing was missing, nothing complained, and nothing asked another host", () => {
    expect(served.missing).toEqual([]);
    expect(problems).toEqual([]);
  });
});
