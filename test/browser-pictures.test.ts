/** Tests picture files in a real browser against Pillow's pixels, and that refusals have the same words as in Node. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import type { Server } from "node:http";
import { join } from "node:path";
import { decodeImage } from "@ppt-vit/pipeline";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { root } from "../scripts/workspace.mjs";
import { bundle, host } from "./browser/bench-serve.js";
import { strictHeaders, strictPolicy } from "./browser/policy.js";
import { browserPath, launchBrowser } from "./browser/serve.js";
import { rounds, seed } from "./fuzz/mutate.js";
import { mutatedPictures } from "./fuzz/pictures.js";

const folder = join(root, "packages/pipeline/fixtures/pictures");
const read = (name: string) => readFileSync(join(folder, name));

interface Expectation {
  readonly width: number;
  readonly height: number;
  readonly rgbSha256?: string;
  readonly tolerance?: number;
  readonly pixels?: string;
}
const expected: Record<string, Expectation> = JSON.parse(read("expected.json").toString());

/**
 * The allowed difference from Pillow's pixels in steps of 255, by kind of file. The first matching pattern applies. All
 * other files are exact, because Chromium decodes with the same libraries as Pillow, except for the kinds listed here.
 */
const tolerances: readonly (readonly [RegExp, number, why: string])[] = [
  [/^(cmyk|ycck)-.*\.jpg$/, 1, "inks are multiplied by Skia, which rounds otherwise"],
  [/^palette-short\.png$/, 255, "indices beyond the palette break the format: every decoder shows what it likes"],
];

/** Files that are not readable pictures, with the messages of Node and the browser. */
const refused: Readonly<Record<string, Uint8Array>> = {
  "empty.png": new Uint8Array(0),
  "text.png": new TextEncoder().encode("this is no picture"),
  "drawing.png": new TextEncoder().encode('<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>'),
  "page.jpg": new TextEncoder().encode("<!DOCTYPE html><title>404</title>"),
  "bitmap.jpg": Buffer.from("BM\x46\0\0\0\0\0\0\0\x36\0\0\0", "latin1"),
  "scan.jpg": Buffer.from("II*\0\x08\0\0\0\0\0\0\0\0\0", "latin1"),
  "jpeg2000.jpg": Buffer.from("\0\0\0\x0cjP  \r\n\x87\n\0\0\0\x14ftypjp2 ", "latin1"),
  "phone.avif": Buffer.from("\0\0\0\x18ftypheic\0\0\0\0mif1heic", "latin1"),
  "future.jpg": Buffer.from("\xff\x0a\0\0\0\0\0\0", "latin1"),
  "paper.png": Buffer.from("%PDF-1.7\n", "latin1"),
  "icon.png": Buffer.from("\0\0\x01\0\x01\0\x10\x10", "latin1"),
  "header.jpg": read("exif3.jpg").subarray(0, 20),
  "header.png": read("rgb.png").subarray(0, 20),
  "header.gif": read("gif-plain.gif").subarray(0, 20),
  "header.webp": read("rgba.webp").subarray(0, 20),
  "header.avif": read("still.avif").subarray(0, 40),
  "huge.png": Uint8Array.from(read("rgb.png")).fill(1, 16, 24),
  "moving.gif": read("gif-animated.gif"),
  "moving.avif": read("sequence.avif"),
  "moving.png": read("apng.png"),
};

/** Pictures cut off within their pixels. The decoder words these messages. */
const cutOff = Object.fromEntries(
  ["progressive.jpg", "cmyk-noisy.jpg", "rgb.png", "rgba.webp", "lossy.webp", "still.avif", "gif-256.gif"].map(
    (name) => [`cut-${name}`, read(name).subarray(0, Math.floor(0.8 * read(name).length))],
  ),
);

describe.skipIf(!browserPath)("pictures in a browser", () => {
  let server: Server;
  let browser: Browser;
  let page: Page;

  beforeAll(async () => {
    const { script } = await bundle("bench-pipeline.ts");
    const served = await host(
      { pictures: folder },
      {
        "/index.html": '<!doctype html><link rel="icon" href="data:,"><script type="module" src="/page.js"></script>',
        "/page.js": script,
        ...Object.fromEntries(Object.entries({ ...refused, ...cutOff }).map(([name, bytes]) => [`/${name}`, bytes])),
      },
      // Pictures that a page made have addresses of their own.
      { ...strictHeaders, "Content-Security-Policy": `${strictPolicy}; connect-src 'self' blob:` },
    );
    server = served.server;
    browser = await launchBrowser();
    page = await browser.newPage();
    await page.goto(served.url);
    await page.waitForFunction(() => "pipeline" in window);
  });
  afterAll(async () => {
    await browser?.close();
    server?.close();
  });

  test.each(Object.keys(expected))("%s has Pillow's pixels", async (name) => {
    const { width, height, rgbSha256, pixels } = expected[name]!;
    const [, tolerance = 0] = tolerances.find(([pattern]) => pattern.test(name)) ?? [];
    const actual = await page.evaluate(async (address) => {
      const { width, height, data } = await window.pipeline.decodeImage(address, { firstFrame: true });
      return { width, height, data: Array.from(data) };
    }, `/pictures/${name}`);
    expect([actual.width, actual.height]).toEqual([width, height]);
    if (rgbSha256 && tolerance === 0)
      return expect(createHash("sha256").update(Buffer.from(actual.data)).digest("hex")).toBe(rgbSha256);
    // If there is no PNG of Pillow's pixels, Node's pixels are the same.
    const { data } = await decodeImage(join(folder, pixels ?? name));
    expect(Math.max(...actual.data.map((value, i) => Math.abs(value - data[i]!)))).toBeLessThanOrEqual(tolerance);
  });

  const errorOf = (name: string) =>
    page.evaluate(
      (address) =>
        window.pipeline.decodeImage(address).then(
          () => ({ code: "decoded", message: "" }),
          ({ code, message }) => ({ code, message }),
        ),
      name,
    );

  test.each(Object.keys(refused))("%s is refused in Node's words", async (name) => {
    const inNode = await decodeImage(refused[name]!).then(
      () => expect.unreachable("decoded"),
      ({ message }: Error) => message.replace(/^image: /, ""),
    );
    expect(await errorOf(name)).toEqual({ code: "INVALID_IMAGE", message: `${name}: ${inNode}` });
  });

  test.each(Object.keys(cutOff))("%s is refused", async (name) => {
    const error = await errorOf(name);
    expect(error.message).toContain("not a readable picture");
    expect(error.code).toBe("INVALID_IMAGE");
  });

  test("mutated pictures are decoded, or refused with a code", async () => {
    const pictures = [...mutatedPictures(rounds(300), seed())].map(({ name, bytes }) => [
      name,
      Buffer.from(bytes).toString("base64"),
    ]);
    const problems = await page.evaluate(async (pictures) => {
      const found: string[] = [];
      for (const [name, base64] of pictures) {
        const bytes = Uint8Array.from(atob(base64!), (character) => character.charCodeAt(0));
        await window.pipeline.decodeImage(bytes, { firstFrame: true, maxPixels: 4e6 }).then(
          ({ width, height, data }) => {
            if (data.length !== 3 * width * height) found.push(`${name}: ${data.length} bytes`);
          },
          (error) => {
            if (error.code !== "INVALID_IMAGE") found.push(`${name}: ${error}`);
          },
        );
      }
      return found;
    }, pictures);
    expect(problems).toEqual([]);
  });

  test("a download is counted while it comes, and ends at what is no picture", async () => {
    const result = await page.evaluate(async () => {
      const { decodeImage } = window.pipeline;
      const message = ({ message }: Error) => message;
      const large = new Blob([new Uint8Array(1 << 20)]);
      return [
        await decodeImage("/pictures/photo.png", { maxBytes: 1000 }).catch(message),
        await decodeImage(URL.createObjectURL(large)).catch(message),
        await decodeImage(large).catch(message),
        await decodeImage(7 as never).catch(({ code }) => code),
        await decodeImage("/pictures/photo.png", { maxPixels: "many" as never }).catch(({ code }) => code),
      ];
    });
    expect(result).toEqual([
      expect.stringContaining("more bytes than the limit of 1000"),
      expect.stringContaining("not a readable picture: use JPEG, PNG, WebP, GIF, AVIF"),
      expect.stringContaining("not a readable picture: use JPEG, PNG, WebP, GIF, AVIF"),
      "INVALID_INPUT",
      "INVALID_OPTION",
    ]);
  });
});
