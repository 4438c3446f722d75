import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { decodeImage } from "@ppt-vit/pipeline";
import sharp, { type Sharp } from "sharp";
import { afterAll, describe, expect, it } from "vitest";

const folder = mkdtempSync(join(tmpdir(), "ppt-vit-decode-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** A picture whose left half is red and whose right half is blue. */
function twoHalves(width: number, height: number): Sharp {
  const data = new Uint8Array(width * height * 3);
  for (let i = 0; i < width * height; i++) data[3 * i + (i % width < width / 2 ? 0 : 2)] = 255;
  return sharp(data, { raw: { width, height, channels: 3 } });
}

const pixel = ({ width, data }: { width: number; data: ArrayLike<number> }, x: number, y: number) =>
  [0, 1, 2].map((c) => data[3 * (y * width + x) + c]);

describe("decodeImage reads", () => {
  it.each(["png", "webp", "gif", "jpeg", "avif"] as const)("%s", async (format) => {
    const lossless = format === "webp" || format === "avif" ? { lossless: true } : {};
    const image = await decodeImage(await twoHalves(64, 48).toFormat(format, lossless).toBuffer());
    expect([image.width, image.height, image.data.length]).toEqual([64, 48, 64 * 48 * 3]);
    const tolerance = format === "jpeg" || format === "avif" ? 6 : 0;
    for (const [x, colour] of [
      [8, [255, 0, 0]],
      [56, [0, 0, 255]],
    ] as const)
      pixel(image, x, 24).forEach(
        (value, c) => void expect(Math.abs(value! - colour[c]!)).toBeLessThanOrEqual(tolerance),
      );
  });

  it("turns a picture as its EXIF orientation says", async () => {
    const turned = await twoHalves(64, 48).withMetadata({ orientation: 6 }).png().toBuffer();
    const image = await decodeImage(turned);
    expect([image.width, image.height]).toEqual([48, 64]);
    expect(pixel(image, 24, 8)).toEqual([255, 0, 0]);
    expect(pixel(image, 24, 56)).toEqual([0, 0, 255]);
  });

  it("grey pictures as RGB", async () => {
    const grey = await sharp(Uint8Array.of(0, 100, 200, 255), { raw: { width: 2, height: 2, channels: 1 } })
      .png()
      .toBuffer();
    expect(Array.from((await decodeImage(grey)).data)).toEqual([0, 0, 0, 100, 100, 100, 200, 200, 200, 255, 255, 255]);
  });

  it("16-bit pictures as 8-bit", async () => {
    const deep = await sharp(Uint16Array.of(0, 0x8080, 0xffff), { raw: { width: 1, height: 1, channels: 3 } })
      .toColourspace("rgb16")
      .png()
      .toBuffer();
    const { data } = await decodeImage(deep);
    expect(Array.from(data)).toEqual([0, 128, 255]);
  });

  it("the colours under transparency, as Pillow does", async () => {
    const clear = await sharp(Uint8Array.of(10, 20, 30, 0), { raw: { width: 1, height: 1, channels: 4 } })
      .png()
      .toBuffer();
    expect(Array.from((await decodeImage(clear)).data)).toEqual([10, 20, 30]);
  });

  it("a path, a file URL and bytes alike", async () => {
    const bytes = await twoHalves(4, 4).png().toBuffer();
    const path = join(folder, "picture.png");
    writeFileSync(path, bytes);
    const expected = await decodeImage(bytes);
    expect(await decodeImage(path)).toEqual(expected);
    expect(await decodeImage(new URL(`file://${path}`))).toEqual(expected);
  });

  it("the first frame of an animation where that is allowed", async () => {
    const image = await decodeImage(await animation(), { firstFrame: true });
    expect([image.width, image.height]).toEqual([4, 4]);
    expect(pixel(image, 1, 1)).toEqual([255, 0, 0]);
  });
});

/** Two frames: red, then blue. */
function animation(): Promise<Buffer> {
  const data = new Uint8Array(4 * 8 * 3);
  for (let i = 0; i < 32; i++) data[3 * i + (i < 16 ? 0 : 2)] = 255;
  return sharp(data, { raw: { width: 4, height: 8, channels: 3, pageHeight: 4 } })
    .gif()
    .toBuffer();
}

/** A PNG whose header claims 100,000 x 100,000 pixels. */
async function bomb(): Promise<Uint8Array> {
  const bytes = await twoHalves(4, 4).png().toBuffer();
  bytes.writeUInt32BE(100_000, 16);
  bytes.writeUInt32BE(100_000, 20);
  return bytes;
}

describe("sharp", () => {
  const drawing = Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect/></svg>');

  it("opens none of the formats that are not read, until somebody switches one on", async () => {
    await decodeImage(await twoHalves(4, 4).png().toBuffer());
    await expect(sharp(drawing).metadata()).rejects.toThrow("unsupported image format");
    sharp.unblock({ operation: ["VipsForeignLoadSvg"] });
    await decodeImage(await twoHalves(4, 4).png().toBuffer());
    expect(await sharp(drawing).metadata()).toMatchObject({ format: "svg" });
  });
});

describe("decodeImage refuses", () => {
  const rejection = (input: string | Uint8Array, options?: Parameters<typeof decodeImage>[1]) =>
    decodeImage(input, options).then(
      () => expect.unreachable("decoded"),
      (error) => error,
    );

  it("an empty file", async () => {
    expect(await rejection(new Uint8Array(0))).toMatchObject({
      code: "INVALID_IMAGE",
      message: "image: the file is empty",
    });
  });

  it("text", async () => {
    const path = join(folder, "text.png");
    writeFileSync(path, "this is no picture");
    const error = await rejection(path);
    expect(error).toMatchObject({ code: "INVALID_IMAGE" });
    expect(error.message).toContain("text.png: not a readable picture");
  });

  it.each(["png", "jpeg", "webp", "gif"] as const)("a %s cut in half", async (format) => {
    const noise = sharp({
      create: {
        width: 200,
        height: 200,
        channels: 3,
        background: "black",
        noise: { type: "gaussian", mean: 128, sigma: 60 },
      },
    });
    const bytes = await noise.toFormat(format).toBuffer();
    expect(await rejection(bytes.subarray(0, bytes.length / 2))).toMatchObject({ code: "INVALID_IMAGE" });
  });

  it("more pixels than the limit, before decoding them", async () => {
    const error = await rejection(await twoHalves(40, 30).png().toBuffer(), { maxPixels: 1000 });
    expect(error).toMatchObject({ code: "INVALID_IMAGE" });
    expect(error.message).toContain("40 x 30 pixels are more than the limit of 1000");
    expect(await rejection(await bomb())).toMatchObject({ code: "INVALID_IMAGE" });
  });

  it("more bytes than the limit, without reading them", async () => {
    const path = join(folder, "large.png");
    writeFileSync(path, new Uint8Array(2000));
    expect((await rejection(path, { maxBytes: 1000 })).message).toContain("2000 bytes are more than the limit of 1000");
  });

  it("an animation", async () => {
    const error = await rejection(await animation());
    expect(error).toMatchObject({ code: "INVALID_IMAGE" });
    expect(error.message).toContain("an animation: extract one frame, or take its first");
  });

  it.each([
    ["SVG", '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'],
    ["SVG", '\xef\xbb\xbf<?xml version="1.0"?>\n<!-- drawn -->\n<!DOCTYPE svg>\n<svg width="9"/>'],
    ["SVG", "\xff\xfe<\0s\0v\0g\0 \0"],
    ["gzip (SVGZ)", "\x1f\x8b\x08\0"],
    ["HTML", "<!doctype html><svg/>"],
    ["BMP", "BM\x46\0\0\0"],
    ["TIFF", "II*\0\x08\0\0\0"],
    ["TIFF", "MM\0*\0\0\0\x08"],
    ["JPEG 2000", "\0\0\0\x0cjP  \r\n\x87\n"],
    ["JPEG 2000", "\xff\x4f\xff\x51"],
    ["JPEG XL", "\xff\x0a"],
    ["JPEG XL", "\0\0\0\x0cJXL \r\n\x87\n"],
    ["HEIC", "\0\0\0\x18ftypheic\0\0\0\0mif1heic"],
    ["HEIF", "\0\0\0\x18ftypmif1\0\0\0\0mif1heic"],
    ["MPEG-4 or QuickTime video", "\0\0\0\x18ftypisom\0\0\0\0isommp41"],
    ["ICO", "\0\0\x01\0\x01\0"],
    ["PDF", "%PDF-1.7"],
    ["Photoshop", "8BPS\0\x01"],
    ["PNM", "P6 2 2 255 "],
    ["Git LFS pointer", "version https://git-lfs.github.com/spec/v1"],
  ])("%s, by name (%#)", async (name, beginning) => {
    for (const rest of ["", "\0".repeat(5000)])
      expect(await rejection(Buffer.from(beginning + rest, "latin1"))).toMatchObject({
        code: "INVALID_IMAGE",
        message: `image: format ${name} is not read: use JPEG, PNG, WebP, GIF, AVIF`,
      });
  });

  it("an AVIF sequence that is no still image too", async () => {
    const bytes = Buffer.from(readFileSync(new URL("../fixtures/pictures/sequence.avif", import.meta.url)));
    bytes.write("free", bytes.indexOf("meta"), "latin1");
    expect((await rejection(bytes, { firstFrame: true })).message).toContain("it has no still image");
  });

  it.each([
    [{ maxBytes: "many" }, "maxBytes"],
    [{ maxPixels: Number.NaN }, "maxPixels"],
    [{ maxPixels: 0 }, "maxPixels"],
    [{ firstFrame: 1 }, "firstFrame"],
    [null, "options"],
  ])("options %o", async (options, named) => {
    const error = await rejection(new Uint8Array(9), options as never);
    expect(error).toMatchObject({ code: "INVALID_OPTION" });
    expect(error.message).toContain(named);
  });

  it.each([undefined, null, 7, {}, [1, 2, 3], new ArrayBuffer(9)])("%o for a picture", async (input) => {
    expect(await rejection(input as never)).toMatchObject({ code: "INVALID_INPUT" });
  });

  it("a missing file and a folder", async () => {
    expect(await rejection(join(folder, "missing.png"))).toMatchObject({ code: "NOT_FOUND" });
    expect(await rejection(folder)).toMatchObject({ code: "NOT_FOUND" });
  });
});
