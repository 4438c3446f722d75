/** Tests picture headers, which the browser entry reads before it decodes. */
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

/** A chunk of a RIFF file, padded to an even length. */
const chunk = (name: string, data: Uint8Array): Buffer => {
  const head = Buffer.alloc(8);
  head.write(name, "latin1");
  head.writeUInt32LE(data.length, 4);
  return Buffer.concat([head, data, Buffer.alloc(data.length % 2)]);
};

/** An animated WebP of 4 x 4 pixels. Each frame's image is a still without its first 12 bytes. */
async function animatedWebp(count: number): Promise<Buffer> {
  const still = (await blank(4, 4).webp({ lossless: true }).toBuffer()).subarray(12);
  const uint24 = (n: number) => [n & 255, (n >> 8) & 255, n >> 16];
  const header = chunk("VP8X", Uint8Array.from([2, 0, 0, 0, ...uint24(3), ...uint24(3)]));
  const place = Uint8Array.from([...uint24(0), ...uint24(0), ...uint24(3), ...uint24(3), ...uint24(40), 0]);
  const frame = chunk("ANMF", Buffer.concat([place, still]));
  const content = Buffer.concat([
    Buffer.from("WEBP"),
    header,
    chunk("ANIM", new Uint8Array(6)),
    ...Array(count).fill(frame),
  ]);
  return chunk("RIFF", content);
}

describe("readHeader", () => {
  it.each([
    [1, false],
    [2, true],
  ])("takes an animated WebP of %i frames for animated: %s", async (count, animated) => {
    const bytes = await animatedWebp(count);
    expect(await readHeader(bytes)).toMatchObject({ format: "WebP", width: 4, height: 4, animated });
    expect((await sharp(bytes).metadata()).width).toBe(4);
  });

  it("refuses a GIF whose frame has no pixels", async () => {
    const bytes = await blank(3, 3).gif().toBuffer();
    const descriptor = bytes.indexOf(Buffer.from([0x2c, 0, 0, 0, 0, 3, 0, 3, 0]));
    bytes.writeUInt16LE(0, descriptor + 5);
    expect(await readHeader(bytes)).toBeUndefined();
  });

  it("tells pictures whose first row needs the whole file", async () => {
    const staged = async (picture: Sharp) => (await readHeader(await picture.toBuffer()))!.staged ?? false;
    expect(await staged(blank(9, 9).jpeg({ progressive: true }))).toBe(true);
    expect(await staged(blank(9, 9).png({ progressive: true }))).toBe(true);
    expect(await staged(blank(9, 9).jpeg())).toBe(false);
    expect(await staged(blank(9, 9).png())).toBe(false);
  });

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
      expect(await readHeader(await encode(blank(width, height)).toBuffer())).toMatchObject({
        format,
        width,
        height,
        animated: false,
      });
  });

  it.each(["gif", "webp"] as const)("an animated %s", async (format) => {
    const two = await frames(2).toFormat(format).toBuffer();
    expect(await readHeader(two)).toMatchObject({ width: 4, height: 4, animated: true });
    const one = await frames(1).toFormat(format).toBuffer();
    expect(await readHeader(one)).toMatchObject({ animated: false });
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
    expect(await readHeader(control(2))).toMatchObject({ animated: true });
    expect(await readHeader(control(1))).toMatchObject({ animated: false });
  });

  it("gives nothing for other files and for the beginnings of pictures", async () => {
    expect(await readHeader(new TextEncoder().encode("<svg/>"))).toBeUndefined();
    expect(await readHeader(new Uint8Array(0))).toBeUndefined();
    for (const format of ["jpeg", "png", "webp", "avif"] as const) {
      const bytes = await blank(30, 30).toFormat(format).toBuffer();
      expect(await readHeader(bytes.subarray(0, 20))).toBeUndefined();
    }
  });

  it("ends on any bytes behind any beginning", async () => {
    const beginnings = [
      "\xff\xd8\xff\xe0",
      "\x89PNG\r\n\x1a\n",
      "GIF89a",
      "RIFF\0\0\0\0WEBPVP8X",
      "\0\0\0\x18ftypavif",
    ];
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...beginnings), fc.uint8Array({ maxLength: 200 }), async (beginning, rest) => {
        const header = await readHeader(Uint8Array.of(...Buffer.from(beginning, "latin1"), ...rest));
        if (header) expect(header.width * header.height).toBeGreaterThanOrEqual(0);
      }),
      { numRuns: 2000 },
    );
  });
});
