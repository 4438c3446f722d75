/**
 * Tests the built pipeline in a real browser: pictures of every kind, checkpoints by address and from files, and the
 * worker.
 */
import type { Server } from "node:http";
import { join } from "node:path";
import { decodeImage, fromPretrained } from "@ppt-vit/pipeline";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { makeDepthFolder } from "../packages/pipeline/test/depth-folder.js";
import { root } from "../scripts/workspace.mjs";
import { bundle, host } from "./browser/bench-serve.js";
import { pictures } from "./browser/pictures.js";
import { browserPath, launchBrowser } from "./browser/serve.js";
import { dog, temporaryFolder } from "./built.js";

const modelFolder = join(root, "packages/demo-model/model");
const vitFolder = join(root, "packages/pipeline/fixtures/vit");
const clipFolder = join(root, "packages/pipeline/fixtures/clip");

const home = temporaryFolder("browser-pipeline");

// scripts/check.mjs reports when these tests are skipped. In CI a missing browser is a failure there.
describe.skipIf(!browserPath)("the pipeline in a browser", () => {
  let server: Server;
  let browser: Browser;
  let page: Page;
  let files: Record<string, Uint8Array>;
  let bundled: string[];
  const problems: string[] = [];

  beforeAll(async () => {
    const [main, worker] = await Promise.all([bundle("bench-pipeline.ts"), bundle("bench-worker.ts")]);
    bundled = main.inputs;
    files = await pictures();
    const served = await host(
      { model: modelFolder, vit: vitFolder, clip: clipFolder, depth: makeDepthFolder(join(home, "depth")) },
      {
        "/index.html": '<!doctype html><link rel="icon" href="data:,"><script type="module" src="/page.js"></script>',
        "/page.js": main.script,
        "/worker.js": worker.script,
        ...Object.fromEntries(Object.entries(files).map(([name, bytes]) => [`/${name}`, bytes])),
      },
    );
    server = served.server;
    browser = await launchBrowser();
    page = await browser.newPage();
    page.on("pageerror", (error) => problems.push(String(error)));
    await page.goto(served.url);
    await page.waitForFunction(() => "pipeline" in window);
  });
  afterAll(async () => {
    await browser?.close();
    server?.close();
  });

  test("bundlers take the browser's entry: no Node and no sharp in it", async () => {
    expect(bundled.some((path) => path.endsWith("pipeline/dist/browser.js"))).toBe(true);
    const plain = await bundle("bench-plain.ts");
    expect(plain.inputs.some((path) => path.endsWith("pipeline/dist/browser.js"))).toBe(true);
    for (const { inputs } of [plain, { inputs: bundled }])
      expect(inputs.filter((path) => /sharp|pipeline\/dist\/index\.js/.test(path))).toEqual([]);
  });

  /** [width, height, bytes of RGB] of an address, as the browser decodes it. */
  const decoded = async (name: string) => {
    const { width, height, data } = await page.evaluate(async (address) => {
      const image = await window.pipeline.decodeImage(address);
      return { width: image.width, height: image.height, data: Array.from(image.data) };
    }, name);
    return { width, height, data };
  };

  test.each(["dog.png", "small.png", "tall.png", "clear.png", "clear.webp", "lossless.webp", "grey.png", "still.gif"])(
    "%s has Node's very pixels",
    async (name) => {
      const [actual, expected] = [await decoded(name), await decodeImage(files[name]!)];
      expect([actual.width, actual.height]).toEqual([expected.width, expected.height]);
      expect(actual.data).toEqual(Array.from(expected.data));
    },
  );

  // Decoders of lossy formats may differ in the last bits.
  test.each(["photo.jpg", "turned.jpg", "lossy.webp", "picture.avif"])(
    "%s has Node's pixels but for a few steps",
    async (name) => {
      const [actual, expected] = [await decoded(name), await decodeImage(files[name]!)];
      expect([actual.width, actual.height]).toEqual([expected.width, expected.height]);
      const differences = actual.data.map((value, i) => Math.abs(value - expected.data[i]!));
      expect(differences.reduce((a, b) => a + b) / differences.length).toBeLessThan(2);
    },
  );

  test("canvases, bitmaps, frames, pixels, blobs and elements give the same pixels", async () => {
    const expected = Array.from((await decodeImage(files["small.png"]!)).data);
    const results = await page.evaluate(async () => {
      const blob = await (await fetch("/small.png")).blob();
      const bitmap = await createImageBitmap(blob);
      const offscreen = new OffscreenCanvas(bitmap.width, bitmap.height);
      offscreen.getContext("2d")!.drawImage(bitmap, 0, 0);
      const canvas = Object.assign(document.createElement("canvas"), { width: bitmap.width, height: bitmap.height });
      canvas.getContext("2d")!.drawImage(bitmap, 0, 0);
      const element = new Image();
      element.src = "/small.png";
      await element.decode();
      const inputs = {
        blob,
        bytes: new Uint8Array(await blob.arrayBuffer()),
        bitmap,
        offscreen,
        canvas,
        element,
        url: new URL("/small.png", location.href),
        frame: new VideoFrame(bitmap, { timestamp: 0 }),
        pixels: canvas.getContext("2d")!.getImageData(0, 0, canvas.width, canvas.height),
      };
      const read = Object.entries(inputs).map(async ([name, input]) => {
        const { data } = await window.pipeline.decodeImage(input);
        return [name, Array.from(data)] as const;
      });
      return Object.fromEntries(await Promise.all(read));
    });
    expect(Object.keys(results)).toHaveLength(9);
    for (const data of Object.values(results)) expect(data).toEqual(expected);
  });

  test.each([
    ["text.png", "INVALID_IMAGE", "text.png: not a readable picture"],
    ["empty.png", "INVALID_IMAGE", "empty.png: the file is empty"],
    ["cut.png", "INVALID_IMAGE", "cut.png: not a readable picture"],
    ["huge.png", "INVALID_IMAGE", "65793 x 65793 pixels are more than the limit of 64000000"],
    ["moving.gif", "INVALID_IMAGE", "moving.gif: an animation"],
    ["moving.webp", "INVALID_IMAGE", "moving.webp: an animation"],
    ["nowhere.png", "NOT_FOUND", "nowhere.png: cannot be read (404 Not Found)"],
  ])("%s is refused", async (name, code, message) => {
    const error = await page.evaluate(
      (address) =>
        window.pipeline.decodeImage(address).then(
          () => ({ code: "decoded", message: "" }),
          ({ code, message }) => ({ code, message }),
        ),
      name,
    );
    expect(error).toMatchObject({ code });
    expect(error.message).toContain(message);
  });

  test("limits and the first frame are the caller's", async () => {
    const results = await page.evaluate(async () => {
      const { decodeImage } = window.pipeline;
      const message = (error: Error) => error.message;
      const closed = await createImageBitmap(new ImageData(4, 4));
      closed.close();
      return [
        (await decodeImage("moving.gif", { firstFrame: true })).height,
        await decodeImage("dog.png", { maxBytes: 1000 }).catch(message),
        await decodeImage("small.png", { maxPixels: 1000 }).catch(message),
        await decodeImage(new ImageData(40, 40), { maxPixels: 1000 }).catch(message),
        await decodeImage(closed).catch(message),
      ];
    });
    expect(results).toEqual([
      4,
      expect.stringContaining("more bytes than the limit of 1000"),
      expect.stringContaining("61 x 47 pixels are more than the limit of 1000"),
      expect.stringContaining("40 x 40 pixels are more than the limit of 1000"),
      expect.stringContaining("it has no pixels"),
    ]);
  });

  test("a worker gives Node's result, reports its progress, and follows tokens", async () => {
    const here = await fromPretrained("demo", { trace: true });
    const expected = await here.classify(dog);
    await here.dispose();
    const { actual, facts, progress } = await page.evaluate(async () => {
      const progress: unknown[] = [];
      const worker = window.startWorker();
      const classifier = await worker.fromPretrained("/model/", {
        trace: true,
        verify: true,
        progress_callback: (info) => void progress.push(info),
      });
      const { labels, logits, stages, image } = await classifier.classify("dog.png");
      const { tokens, patches, verification, backend, reduction } = classifier;
      await classifier.dispose();
      await worker.dispose();
      return {
        actual: {
          labels,
          logits: Array.from(logits),
          maps: stages.map(({ tokenOfPatch }) => Array.from(tokenOfPatch!)),
          image: Array.from(image!.data),
        },
        facts: { tokens, patches, verification, backend, reduction },
        progress,
      };
    });
    expect(actual.labels[0]!.label).toBe("dog");
    actual.logits.forEach((logit, i) => void expect(Math.abs(logit - expected.logits[i]!)).toBeLessThan(1e-5));
    expect(actual.maps).toEqual(expected.stages.map(({ tokenOfPatch }) => Array.from(tokenOfPatch!)));
    expect(actual.image).toEqual(Array.from(expected.image!.data));
    expect(facts).toMatchObject({ tokens: [197, 147, 97, 49], patches: [14, 14], backend: "cpu" });
    expect(facts.verification).toMatchObject({ against: "verification.json" });

    const of = (file: string) => (progress as { status: string; file?: string }[]).filter((info) => info.file === file);
    const weights = of("model.safetensors");
    expect(weights.map(({ status }) => status).filter((status, i, all) => status !== all[i - 1])).toEqual([
      "initiate",
      "download",
      "progress",
      "done",
    ]);
    expect(weights.at(-2)).toEqual({
      status: "progress",
      name: expect.stringMatching(/\/model\/$/),
      file: "model.safetensors",
      progress: 100,
      loaded: 11089880,
      total: 11089880,
    });
    expect(progress.at(-1)).toMatchObject({ status: "ready", task: "image-classification" });
    // The other backends are not installed here.
    const notice = { status: "notice", backend: "cpu", message: "backend cpu (auto)" };
    expect(progress).toContainEqual(notice);

    // The worker's check is kept for the page, too, in Cache storage.
    const { kept, reason, again } = await page.evaluate(async () => {
      const { candidates } = await window.pipeline.selectBackend({ candidates: ["cpu"] });
      const [fresh] = (await window.pipeline.selectBackend({ candidates: ["cpu"], recheck: true })).candidates;
      const kept = (await (await caches.open("ppt-vit-checks")).keys()).map(({ url }) => decodeURIComponent(url));
      return { kept, reason: candidates[0]!.reason, again: fresh!.reason };
    });
    expect(kept).toEqual([expect.stringMatching(/ppt-vit\.check:\["cpu","@ppt-vit\/backend-cpu .*Chrom/)]);
    expect(reason).toMatch(/^computes rightly .*, checked here on \d{4}-\d\d-\d\d$/);
    expect(again).toMatch(/^computes rightly \([^,]*\)$/);
  });

  test("embeddings, features and zero-shot labels are Node's, in the page and in a worker", async () => {
    const task = "image-feature-extraction";
    const reduction = { layers: [0, 1], tokensRemoved: 4, threshold: { scaleFree: 0.8 } } as const;
    const options = { task, reduction, dense: true, imageSize: [48, 40] } as const;
    const here = await fromPretrained(vitFolder, options);
    const expected = {
      embedding: Array.from(await here.embed(dog, { pooling: "mean", normalize: true })),
      features: Array.from((await here.features(dog)).features),
    };
    await here.dispose();
    const zeroShot = await fromPretrained(clipFolder, { reduction });
    const texts = (await zeroShot.classify(dog)).labels;
    await zeroShot.dispose();

    const results = await page.evaluate(async (options) => {
      const worker = window.startWorker();
      const results = [];
      for (const load of [window.pipeline.fromPretrained, worker.fromPretrained]) {
        const extractor = await load("/vit/", options);
        const embeddings: (number[] | string)[] = [];
        const inputs = ["nowhere.png", "dog.png"];
        for await (const one of extractor.embedAll(inputs, { pooling: "mean", normalize: true, batch: 2 }))
          embeddings.push("embedding" in one ? Array.from(one.embedding) : one.error.code);
        const { features, shape } = await extractor.features("dog.png");
        const refused = await extractor.embed("dog.png", { pooling: "projection" }).catch((error) => error.code);
        const { patches, tokens } = extractor;
        await extractor.dispose();
        const disposed = await extractor.embed("dog.png").catch((error) => error.code);
        const classifier = await load("/clip/", { reduction: options.reduction });
        const { labels } = await classifier.classify("dog.png");
        await classifier.dispose();
        results.push({ embeddings, features: Array.from(features), shape, refused, disposed, patches, tokens, labels });
      }
      await worker.dispose();
      return results;
    }, options);
    const near = (actual: number[], wanted: number[]) => {
      expect(actual.length).toBe(wanted.length);
      actual.forEach((value, i) => void expect(Math.abs(value - wanted[i]!)).toBeLessThan(1e-5));
    };
    expect(results).toHaveLength(2);
    for (const { embeddings, features, shape, refused, disposed, patches, tokens, labels } of results) {
      expect({ shape, refused, disposed, patches, tokens }).toEqual({
        shape: [6, 5, 16],
        refused: "INVALID_OPTION",
        disposed: "DISPOSED",
        patches: [6, 5],
        tokens: [31, 27, 23],
      });
      expect(embeddings[0]).toBe("NOT_FOUND");
      near(embeddings[1] as number[], expected.embedding);
      near(features, expected.features);
      expect(labels.map(({ label }) => label)).toEqual(texts.map(({ label }) => label));
      near(
        labels.map(({ probability }) => probability!),
        texts.map(({ probability }) => probability!),
      );
    }
    expect(problems).toEqual([]);
  });

  test("depth is Node's, in the page and in a worker, for pictures of several sizes", async () => {
    const reduction = { layers: [1], tokensRemoved: { share: 0.25 }, threshold: "prune" } as const;
    const options = { task: "depth-estimation", reduction } as const;
    const names = ["small.png", "photo.jpg", "small.png"];
    const here = await fromPretrained(join(home, "depth"), { ...options, backend: "cpu" });
    const { predicted_depth, ...expected } = await here.estimateDepth(files["small.png"]!);
    await here.dispose();
    const results = await page.evaluate(
      async ({ options, names }) => {
        const worker = window.startWorker();
        const results = [];
        for (const load of [window.pipeline.fromPretrained, worker.fromPretrained]) {
          const estimator = await load("/depth/", options);
          const sizes = [];
          for await (const one of estimator.estimateDepthAll(names, { batch: 3 }))
            sizes.push("error" in one ? one.error.code : [...one.predicted_depth.dims, ...one.patches!]);
          const { predicted_depth, depth, minimum, maximum } = await estimator.estimateDepth(names[0]!);
          const { width, height, data } = window.pipeline.colourDepth(predicted_depth);
          const pixels = new ImageData(data, width, height).data.length;
          const [values, bytes, kind] = [[...predicted_depth.data], depth.data.length, estimator.depthKind];
          results.push({ sizes, values, pixels, bytes, minimum, maximum, kind });
          await estimator.dispose();
        }
        await worker.dispose();
        return results;
      },
      { options, names },
    );
    expect(results).toHaveLength(2);
    for (const { values, minimum, maximum, ...told } of results) {
      const small = [47, 61, 8, 10];
      expect(told).toEqual({
        ...{ sizes: [small, [120, 160, 8, 11], small], pixels: 4 * 47 * 61, bytes: 47 * 61, kind: "relative" },
      });
      const wanted = [expected.minimum, expected.maximum, ...predicted_depth.data];
      const furthest = Math.max(...[minimum, maximum, ...values].map((value, i) => Math.abs(value - wanted[i]!)));
      expect(furthest).toBeLessThan(1e-4 * Math.max(1, expected.maximum));
    }
    expect(problems).toEqual([]);
  });

  test("errors keep their codes on the way from a worker, and bad pictures do not stop the others", async () => {
    const result = await page.evaluate(async () => {
      const { isFailure } = window.pipeline;
      const worker = window.startWorker();
      const codeOf = (promise: Promise<unknown>) =>
        promise.then(
          () => "none",
          (error) => (typeof error.code === "string" ? error.code : error.name),
        );
      const files = async (names: string[]) =>
        Promise.all(names.map(async (name) => new File([await (await fetch(`/model/${name}`)).blob()], name)));
      const complete = await files(["config.json", "preprocessor_config.json", "model.safetensors"]);
      const classifier = await worker.fromPretrained(complete, { reduction: { tokensRemoved: 10 } });
      const codes = [];
      const canvas = document.createElement("canvas");
      canvas.getContext("2d")!.fillRect(0, 0, 9, 9);
      for await (const one of classifier.classifyAll(["text.png", canvas, "nowhere.png", "dog.png"], { batch: 2 }))
        codes.push(isFailure(one) ? one.error.code : one.labels[0]!.label);
      const aborted = new AbortController();
      const stopped = codeOf(classifier.classify("dog.png", { signal: aborted.signal }));
      aborted.abort();
      const outcome = {
        codes,
        threshold: classifier.reduction!.threshold,
        stopped: await stopped,
        afterwards: (await classifier.classify("dog.png")).labels[0]!.label,
        lacking: await codeOf(worker.fromPretrained(complete.slice(0, 2))),
        demo: await codeOf(worker.fromPretrained("demo")),
        backend: await codeOf(worker.fromPretrained("/model/", { backend: "gpu" })),
        nowhere: await codeOf(worker.fromPretrained("/nowhere/")),
      };
      await classifier.dispose();
      const disposed = await codeOf(classifier.classify("dog.png"));
      const cutShort = codeOf(worker.fromPretrained("/model/"));
      await worker.dispose();
      return { ...outcome, disposed, cutShort: await cutShort, ended: await codeOf(worker.fromPretrained("/model/")) };
    });
    expect(result).toEqual({
      codes: ["INVALID_IMAGE", expect.any(String), "NOT_FOUND", "dog"],
      // Without a reduction.json among the files, the published settings are used.
      threshold: 7e-5,
      stopped: "AbortError",
      afterwards: "dog",
      lacking: "NOT_FOUND",
      demo: "INVALID_OPTION",
      backend: "UNKNOWN_BACKEND",
      nowhere: "NOT_FOUND",
      disposed: "DISPOSED",
      cutShort: "DISPOSED",
      ended: "DISPOSED",
    });
    expect(problems).toEqual([]);
  });
});
