/** Tests the built benchmark page in a real browser, driven as a person would: pictures and models. */
import { copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { describeBackends } from "../packages/pipeline/src/backends/registry.js";
import { type FakeHub, startHub } from "../packages/pipeline/test/fake-hub.js";
import {
  browser,
  dist,
  drop,
  messages,
  open,
  picture,
  served,
  statusOf,
  testNothingComplained,
  tiny,
  useBenchPage,
} from "./browser/bench-page.js";
import { host } from "./browser/bench-serve.js";
import { browserPath } from "./browser/serve.js";

// scripts/check.mjs reports when these tests are skipped. In CI a missing browser is a failure there.
describe.skipIf(!browserPath)("pictures and models on the benchmark page", () => {
  useBenchPage();

  test("a dropped picture gets its labels from the backend that is best here, and its tokens are drawn", async () => {
    const page = await open("?policy=prune");
    await statusOf(page, "view-status", /^dog: dog, \d/);
    expect(await page.locator("#backend-note").textContent()).toBe("backend wasm (auto)");
    // Every registered backend with a rank in browsers, and one of them on one thread.
    const ranked = describeBackends()
      .filter(({ rank }) => rank?.browser !== undefined)
      .toSorted((a, b) => a.rank!.browser! - b.rank!.browser!)
      .flatMap(({ name }) => (name === "wasm" ? [name, "wasm-1"] : [name]));
    const listed = page.locator("#backend option");
    expect(await listed.evaluateAll((all) => all.map((one) => (one as HTMLOptionElement).value))).toEqual([
      "auto",
      ...ranked,
    ]);
    await drop(page, [picture("023_pizza.png")]);
    await statusOf(page, "view-status", /^my-pizza\.png: pizza, [\d.]+ % unreduced, pizza, [\d.]+ % with Prune only/);
    expect(await page.locator("#stages figure").count()).toBe(4);
    expect(await page.locator("#labels li:first-child .label").allTextContents()).toEqual(["pizza", "pizza"]);

    // Pruned patches are dark. The others show the picture.
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
    // Merged patches have outlines, whose strong colours do not occur in the picture.
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
    // Emulated GPUs are measured only on request.
    expect(await page.locator("#bench-backends input:checked").count()).toBe(2);
    await page.evaluate(async () => {
      const blob = await (await fetch("samples/029_car.png")).blob();
      const clipboardData = new DataTransfer();
      clipboardData.items.add(new File([blob], "pasted.png", { type: "image/png" }));
      window.dispatchEvent(new ClipboardEvent("paste", { clipboardData }));
    });
    await statusOf(page, "view-status", /^pasted\.png: \w+, [\d.]+ % unreduced/);
    // The camera shows the browser's own test picture. At first it is not allowed.
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

    // A picture that cannot be read leaves the list, and the page returns to one that can.
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
    // Only the browser itself can make drops that contain folders.
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
    const page = await open("?backend=wasm-1&backends=wasm,onnx-wasm,tfjs-wasm&runs=1&warmup=0", { url: plain.url });
    await page.locator("#messages .message p", { hasText: /^Backend wasm-1 cannot be used: there is none/ }).waitFor();
    await statusOf(page, "view-status", /^dog: dog, .* unreduced/);
    expect(await page.locator("#backend-note").textContent()).toBe("backend wasm (auto)");
    expect(await page.locator("#machine").textContent()).toContain("no WebAssembly threads");
    await page.locator("#folder").setInputFiles(tiny);
    await page.click("#bench-start");
    await statusOf(page, "bench-status", /^Done: 6 measured, 0 failed\.$/);
    await page.close();
    plain.server.close();
    expect(plain.missing).toEqual([]);
  });

  testNothingComplained();
});
