/** Tests the built benchmark page in a real browser, driven as a person would: pictures and models. */
import { copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { describeBackends } from "../packages/pipeline/src/backends/registry.js";
import { makeDepthFolder } from "../packages/pipeline/test/depth-folder.js";
import { type FakeHub, startHub } from "../packages/pipeline/test/fake-hub.js";
import { clipFolder } from "../packages/pipeline/test/fixtures.js";
import {
  browser,
  dist,
  drop,
  messages,
  open,
  passMessages,
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
    // The service worker would ask for everything once more, to keep it.
    const without = () => Object.assign(navigator.serviceWorker, { register: () => new Promise(() => {}) });
    const page = await open("?policy=prune", { prepare: (page) => page.addInitScript(without) });
    await statusOf(page, "view-status", /^dog: dog, \d/);
    // The first label needs the page, the worker, one model and one picture. The other pictures are asked for after it.
    const others = served.sent.findIndex(({ path }) => /samples\/.*png/.test(path) && !path.includes("dog"));
    const first = served.sent.slice(0, others < 0 ? undefined : others);
    expect(first.filter(({ path }) => path.endsWith("model.safetensors"))).toHaveLength(1);
    expect(first.reduce((sum, { bytes }) => sum + bytes, 0)).toBeLessThan(12e6);
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
    expect(await page.locator("#labels li:first-child .label").allTextContents()).toEqual(["pizza", "pizza"]);
    await page.locator("#headline-text", { hasText: /^Same answer, pizza, with 49 of 197 tokens, / }).waitFor();
    // Pruned patches are hatched, which a pattern of dark ground and light lines shows on every picture.
    const hatched = () =>
      page.evaluate(() =>
        [...document.querySelectorAll<SVGSVGElement>("#stages svg")].map((drawing) => {
          const pruned = drawing.querySelector<SVGPathElement>(".pruned");
          const side = drawing.viewBox.baseVal.width / 14;
          const centres = Array.from({ length: 196 }, (_, i) => [(i % 14) + 0.5, Math.floor(i / 14) + 0.5] as const);
          return centres.filter(([x, y]) => pruned?.isPointInFill(new DOMPoint(x * side, y * side))).length;
        }),
      );
    await expect.poll(hatched).toEqual([0, 50, 100, 148]);
    expect(await page.locator("#legend").textContent()).toBe(
      "148 patches pruned: no longer computed48 tokens of one patch: the picture shows through",
    );
    // A change of settings asks the host for nothing: the worker has the model, and the browser keeps all scripts and the icon.
    const asked = served.sent.length;
    await page.click("#expert summary");
    await page.selectOption("#policy", "pool");
    await statusOf(page, "view-status", /^my-pizza\.png: pizza, .* with Pool only/);
    expect(page.url()).toContain("policy=pool");
    await expect.poll(hatched).toEqual([0, 0, 0, 0]);
    // The pointer lights all patches of a token, also of one that lies in parts, and a tap keeps it.
    await page.locator("#stages button").nth(3).click();
    expect(await page.locator("#legend").textContent()).toMatch(
      /^\d+ patches merged \(pooled\) into \d+ tokens: one outline/,
    );
    await page.locator("#stage-view").click({ position: { x: 40, y: 40 } });
    await statusOf(page, "token-note", /^Row 2, column 2: (one token for \d+ patches, lit here|a token of its own)\.$/);
    expect(await page.locator("#stage-view .lit").getAttribute("d")).toMatch(/^M[\d.]+ [\d.]+[HV]/);
    await page.keyboard.press("ArrowDown");
    await statusOf(page, "token-note", /^Row 3, column 2: /);
    // The scores by which the stage decided, and the player from the picture to the last stage.
    await page.click("#mode-scores");
    await statusOf(page, "legend", /^score of a token/);
    await statusOf(page, "token-note", /Score [\d.e−]+\.$/);
    await page.click("#mode-tokens");
    await page.click("#play");
    await statusOf(page, "stage-caption", /^Picture196 patches$/);
    await statusOf(page, "stage-caption", /^Block 9 pooled/);
    await statusOf(page, "play", /^Play$/);

    const [svgFile] = await Promise.all([page.waitForEvent("download"), page.click("#save-svg")]);
    expect(svgFile.suggestedFilename()).toBe("my-pizza-tokens.svg");
    expect(readFileSync(await svgFile.path(), "utf8")).toMatch(
      /^<svg [\s\S]*href="data:image\/png;base64,[\s\S]*after block 9/,
    );
    const [pngFile] = await Promise.all([page.waitForEvent("download"), page.click("#save-png")]);
    const { width, channels } = await sharp(await pngFile.path()).metadata();
    expect([width! > 2 * 4 * 224, channels]).toEqual([true, 4]);

    // Presets and sliders act at once. An illegal value is refused beside its field, and the last view stays.
    await page.click("#preset-strong");
    await statusOf(page, "view-status", /^my-pizza\.png: pizza, .* with Strong$/);
    await statusOf(page, "kept-value", /^2\d of 197$/);
    expect(page.url()).toContain("preset=strong");
    await page.locator("#kept").fill("78");
    await statusOf(page, "kept-value", /^137 of 197$/);
    await statusOf(page, "headline-text", / 137 of 197 tokens/);
    expect(page.url()).toContain("removed=20");
    await page.locator("#threshold-slider").fill("-2");
    await statusOf(page, "threshold-slider-value", /^0\.0100$/);
    await page.waitForFunction(() => document.getElementById("stages")!.textContent!.includes("pooled"));
    await page.fill("#layers", "99");
    await page.locator("#layers").blur();
    await statusOf(page, "reduction-complaint", /layer 99 does not exist: the model has 12 blocks/);
    await statusOf(page, "headline-text", / 137 of 197 tokens/);
    await page.click("#preset-paper");
    await statusOf(page, "headline-text", / 49 of 197 tokens/);
    expect(await page.locator("#reduction-complaint").textContent()).toBe("");
    expect(served.sent.slice(asked)).toEqual([]);

    // The teaching page has an address, and shows the same picture.
    await page.click("#tab-learn");
    expect(page.url()).toContain("tab=learn");
    await expect.poll(() => page.locator("#learn-stages svg").count()).toBe(4);
    await page.click("#tab-tokens");

    // For a photograph the demo model's answer is a guess. The page says so, and what a real model costs, and asks nobody yet.
    await page.getByRole("button", { name: "chelsea" }).click();
    await statusOf(page, "view-status", /^chelsea: \w+, [\d.]+ % unreduced/);
    expect(page.url()).toContain("picture=chelsea");
    expect(await page.locator("#hint").textContent()).toMatch(
      /knows 48 emoji only.*Load DeiT-Ti, 1000 classes.*about 23 MB from huggingface\.co$/,
    );
    expect(await messages(page)).toEqual([]);
    await page.close();
  });

  test("pictures come from the clipboard and the camera, too", async () => {
    const page = await open("?backend=cpu");
    await page.locator("#folder").setInputFiles(tiny);
    await statusOf(page, "view-status", /^dog: \w+, [\d.]+ % unreduced/);
    // All policies on the picture. Each stays until its next result is there.
    await page.click("#tab-policies");
    await statusOf(page, "policies-status", /^8 policies are compared on dog$/);
    const cards = page.locator(".policy-card:not(.stale)");
    await expect.poll(() => cards.count()).toBe(8);
    for (const text of await cards.allTextContents())
      expect(text).toMatch(/Tokens\d+ of 65GMACs[\d.e−]+Time[\d.e−]+ ms.*Same answer(yes|no)/);
    expect(await cards.locator("svg .merged, svg .pruned").count()).toBeGreaterThanOrEqual(8);
    await page.locator("#kept").fill("30");
    await page.waitForFunction(() => document.querySelectorAll(".policy-card.stale svg").length > 0);
    await statusOf(page, "policies-status", /^8 policies are compared on dog$/);
    await page.getByRole("button", { name: "Use ToMe" }).click();
    await statusOf(page, "view-status", /^dog: .* with ToMe$/);
    expect(page.url()).toMatch(/&policy=tome&removed=\d+&/);
    await page.click("#preset-paper");
    // Emulated GPUs are measured only on request.
    await page.click("#tab-bench");
    expect(await page.locator("#bench-backends input:checked").count()).toBe(2);
    await page.click("#tab-tokens");
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
    await page.click("#camera-start");
    await page.locator("#messages .message p", { hasText: /^No camera: .*denied/i }).waitFor();
    await page.locator("#messages button").click();
    expect(await page.locator("#camera-complaint").textContent()).toMatch(/^No camera: /);
    await page.context().grantPermissions(["camera"]);
    await page.click("#camera-start");
    // Both models see the same frames, and tell how many a second they can see.
    for (const id of ["camera-unreduced", "camera-reduced"])
      await statusOf(page, id, /(Unreduced|PPT)\w+, [\d.]+ %[\d.]+ frames per second · \d+ tokens$/);
    expect(await page.locator("#camera-reduced svg .merged").count()).toBeGreaterThan(0);
    await page.click("#camera-take");
    await statusOf(page, "view-status", /^camera 2: \w+, [\d.]+ % unreduced/);
    expect(await page.locator("#panel-camera").isVisible()).toBe(false);
    expect(await page.evaluate(() => document.querySelector("video")!.srcObject)).toBe(null);
    expect(await page.locator("#own li").count()).toBe(2);
    expect(await messages(page)).toEqual([]);
    await page.close();
  });

  test("bad input is a message, and the app goes on", async () => {
    const page = await open("?backend=cpu&runs=many");
    await page.locator("#folder").setInputFiles(tiny);
    await statusOf(page, "view-status", /^dog: \w+, [\d.]+ % unreduced/);
    expect(await messages(page)).toEqual([expect.stringContaining("runs in the address: “many”")]);
    // Messages pass by themselves. What they say of a part of the page stays there.
    await passMessages(page);
    await page.locator("#messages .message").waitFor({ state: "detached" });
    const dismiss = async () => {
      for (const button of await page.locator("#messages button").all()) await button.click();
    };
    const said = async (pattern: RegExp) => {
      await page.locator("#messages .message p", { hasText: pattern }).waitFor();
      await dismiss();
    };

    // A picture that cannot be read leaves the list, and the page returns to one that can.
    const goesOn = async () => {
      await statusOf(page, "view-status", /^dog: \w+, [\d.]+ % unreduced/);
      expect(await page.locator("#own li").count()).toBe(0);
    };
    await drop(page, [{ name: "note.png", type: "image/png", bytes: Buffer.from("no picture") }]);
    await said(/^note\.png: not a readable picture/);
    await goesOn();
    expect(await page.locator("#picture-complaint").textContent()).toMatch(/^note\.png: not a readable picture/);
    const side = { width: 10_000, height: 10_000, channels: 3, background: "teal" } as const;
    writeFileSync(join(tiny, "huge.png"), await sharp({ create: side }).png().toBuffer());
    await page.locator("#files").setInputFiles(join(tiny, "huge.png"));
    await said(/^huge\.png: 10000 x 10000 pixels are more than the limit of 64000000/);
    await goesOn();

    await drop(page, [{ name: "config.json", type: "application/json", bytes: Buffer.from("{}") }]);
    await said(/^dropped files on cpu: dropped files\/\w+\.\w+: /);
    expect(await page.locator("#model-complaint").textContent()).toMatch(/^dropped files on cpu: /);
    const bare = join(tiny, "bare");
    mkdirSync(bare);
    for (const name of ["config.json", "preprocessor_config.json"]) copyFileSync(join(tiny, name), join(bare, name));
    await page.locator("#folder").setInputFiles(bare);
    await said(/^bare on cpu: bare\/model\.safetensors\S* is not among the 2 files/);
    await page.locator("#folder").setInputFiles(tiny);
    await goesOn();
    expect(await page.locator("#model-complaint").textContent()).toBe("");
    await page.fill("#hub", "deit");
    await page.click("#hub-load");
    expect(await page.locator("#hub-complaint").textContent()).toMatch(/“deit” is no id of the Hub/);
    await page.fill("#hub", "");
    await page.click("#expert summary");
    await page.fill("#layers", "3, two");
    await page.locator("#layers").blur();
    expect(await page.locator("#layers-complaint").textContent()).toMatch(/“3, two” are no block numbers/);
    expect(await page.locator("#layers").getAttribute("aria-invalid")).toBe("true");
    await page.fill("#layers", "99");
    await page.locator("#layers").blur();
    await statusOf(page, "reduction-complaint", /layer 99 does not exist: the model has 4 blocks/);

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

    // A classifier has embeddings, too: then the answer is the pictures that are most alike.
    await page.selectOption("#task", "image-feature-extraction");
    await statusOf(
      page,
      "view-status",
      /^dog: most like \w+, cosine -?[01]\.\d\d unreduced, most like \w+, .* with PPT$/,
    );
    expect(page.url()).toContain("task=image-feature-extraction");
    expect(await page.locator("#answer .similar li img").count()).toBe(10);

    // A model of pictures and texts gives zero-shot labels.
    await page.locator("#folder").setInputFiles(clipFolder);
    await statusOf(page, "view-status", /^dog: a (cat|dog|teapot), [\d.]+ %$/);
    expect(await page.locator("#labels li .label").allTextContents()).toHaveLength(3);

    // A model that the default schedule does not fit is shown unreduced, and the reason stands beside the reduction.
    await page.locator("#folder").setInputFiles(makeDepthFolder(join(tiny, "depth")));
    await statusOf(page, "view-status", /^dog: depth of 224 x 224 pixels, [^,]*$/);
    await statusOf(page, "reduction-complaint", /the model has 4 blocks/);
    // A depth model shows both maps over each other, and a divider between them.
    await page.click("#expert summary");
    for (const [id, text] of [
      ["layers", "1, 2"],
      ["removed", "12"],
    ] as const) {
      await page.fill(`#${id}`, text);
      await page.locator(`#${id}`).blur();
    }
    await statusOf(
      page,
      "view-status",
      /^dog: depth of 224 x 224 pixels, .* unreduced, depth of 224 x 224 pixels, .* with PPT$/,
    );
    await statusOf(
      page,
      "headline-text",
      /^(Nearly the same|A different) depth map, [\d.]+ % off on average, with \d+ of 65 tokens, /,
    );
    expect(await page.locator("#answer canvas").count()).toBe(2);
    const shownAt = async (split: number) => {
      await page.locator("#answer input").fill(String(split));
      return page.locator("#answer .above").evaluate((canvas) => getComputedStyle(canvas).clipPath);
    };
    expect(await shownAt(20)).toBe("inset(0px 0px 0px 20%)");
    expect(await shownAt(100)).toBe("inset(0px 0px 0px 100%)");
    // The maps are those of the model: their colours span the whole scale, and they differ.
    const maps = await page.locator("#answer canvas").evaluateAll((all) =>
      (all as HTMLCanvasElement[]).map((canvas) => {
        const { data } = canvas.getContext("2d")!.getImageData(0, 0, canvas.width, canvas.height);
        const has = (...rgb: number[]) =>
          data.some((_, i) => i % 4 === 0 && rgb.every((value, c) => data[i + c] === value));
        return {
          size: [canvas.width, canvas.height],
          least: has(68, 1, 84),
          most: has(253, 231, 37),
          sum: data.reduce((a, b) => a + b, 0),
        };
      }),
    );
    expect(maps).toMatchObject([0, 1].map(() => ({ size: [224, 224], least: true, most: true })));
    expect(maps[0]!.sum).not.toBe(maps[1]!.sum);
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

  test("a host that sends no headers, with the page below /ppt/, gives one thread, and all else", async () => {
    const plain = await host({ ppt: dist }, {}, {});
    const url = `${plain.url}ppt/`;
    const page = await open("?backend=wasm-1&backends=wasm,onnx-wasm,tfjs-wasm&runs=1&warmup=0", { url });
    await page.locator("#messages .message p", { hasText: /^Backend wasm-1 cannot be used: there is none/ }).waitFor();
    await statusOf(page, "view-status", /^dog: dog, .* unreduced/);
    expect(await page.locator("#backend-note").textContent()).toBe("backend wasm (auto)");
    expect(await page.locator("#machine").textContent()).toContain("no WebAssembly threads");
    await page.locator("#folder").setInputFiles(tiny);
    await page.click("#tab-bench");
    await page.click("#bench-start");
    await statusOf(page, "bench-status", /^Done: 6 measured, 0 failed\.$/);
    // After one visit the page works without its host, and from the second one on it has the headers, and with them threads.
    expect(await page.evaluate(() => globalThis.crossOriginIsolated)).toBe(false);
    await page.click("#tab-tokens");
    await page.evaluate(() => navigator.serviceWorker.ready.then(() => undefined));
    await new Promise((done) => plain.server.close(done));
    await page.goto(`${url}?policy=pool`);
    await statusOf(page, "view-status", /^dog: dog, .* with Pool only$/);
    expect(await page.evaluate(() => globalThis.crossOriginIsolated)).toBe(true);
    expect(await page.locator("#machine").textContent()).toMatch(/ · WebAssembly threads$/);
    await page.close();
    expect(plain.missing).toEqual([]);
  });

  testNothingComplained();
});
