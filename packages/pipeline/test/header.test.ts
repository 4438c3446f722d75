/** Picture headers, as the browser entry reads them before it decodes. */
import fc from "fast-check";
import sharp, { type Sharp } from "sharp";
import { describe, expect, it } from "vitest";
import { readHeader } from "../src/pictures/header.js";

const blank = (width: number, height: number) =>
  sharp({ create: { width, height, channels: 3, background: { r: 9, g: 99, b: 199 } } });

const frames = (count: number) =>
  sharp(
    new Uint8Array(4 * 4 * 3 * count).map((_, i) => i),
    {
      raw: { width: 4, height: 4 * count, channels: 3, pageHeight: 4 },
    },
  );

describe("readHeader", () => {
  it.each([
    ["JPEG", (s: Sharp) => s.jpeg()],
    ["JPEG", (s: Sharp) => s.jpeg({ progressive: true }).withMetadata({ orientation: 3 })],
    ["PNG", (s: Sharp) => s.png()],
    ["PNG", (s: Sharp) => s.png({ palette: true })],
    ["WebP", (s: Sharp) => s.webp()],
    ["WebP", (s: Sharp) => s.webp({ lossless: true })],
    ["WebP", (s: Sharp) => s.webp().withMetadata()],
    ["GIF", (s: Sharp) => s.gif()],
    ["AVIF", (s: Sharp) => s.avif({ effort: 0 })],
  ] as const)("%s", async (format, encode) => {
    for (const [width, height] of [
      [300, 70],
      [1, 513],
    ] as const)
      expect(readHeader(await encode(blank(width, height)).toBuffer())).toMatchObject({
        format,
        width,
        height,
        animated: false,
      });
  });

  it.each(["gif", "webp"] as const)("an animated %s", async (format) => {
    const two = await frames(2).toFormat(format).toBuffer();
    expect(readHeader(two)).toMatchObject({ width: 4, height: 4, animated: true });
    const one = await frames(1).toFormat(format).toBuffer();
    expect(readHeader(one)).toMatchObject({ animated: false });
  });

  it("an animated PNG", async () => {
    const png = await blank(4, 4).png().toBuffer();
    const control = (count: number) => {
      const chunk = Buffer.alloc(20);
      chunk.writeUInt32BE(8);
      chunk.write("acTL", 4, "latin1");
      chunk.writeUInt32BE(count, 8);
      return Buffer.concat([png.subarray(0, 33), chunk, png.subarray(33)]);
    };
    expect(readHeader(control(2))).toMatchObject({ animated: true });
    expect(readHeader(control(1))).toMatchObject({ animated: false });
  });

  it("gives nothing for other files and for the beginnings of pictures", async () => {
    expect(readHeader(new TextEncoder().encode("<svg/>"))).toBeUndefined();
    expect(readHeader(new Uint8Array(0))).toBeUndefined();
    for (const format of ["jpeg", "png", "webp", "avif"] as const) {
      const bytes = await blank(30, 30).toFormat(format).toBuffer();
      expect(readHeader(bytes.subarray(0, 20))).toBeUndefined();
    }
  });

  it("ends on any bytes behind any beginning", () => {
    const beginnings = [
      "\xff\xd8\xff\xe0",
      "\x89PNG\r\n\x1a\n",
      "GIF89a",
      "RIFF\0\0\0\0WEBPVP8X",
      "\0\0\0\x18ftypavif",
    ];
    fc.assert(
      fc.property(fc.constantFrom(...beginnings), fc.uint8Array({ maxLength: 200 }), (beginning, rest) => {
        const header = readHeader(Uint8Array.of(...Buffer.from(beginning, "latin1"), ...rest));
        if (header) expect(header.width * header.height).toBeGreaterThanOrEqual(0);
      }),
      { numRuns: 2000 },
    );
  });
});
