import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  processedSize,
  processImage,
  processImageInto,
  type ResampleFilter,
  type RgbImage,
  resizeAndCrop,
  resizeImage,
  stackImages,
} from "../src/io/image-processor.js";
import type { ImageProcessorConfig } from "../src/io/processor-config.js";
import { parseImageProcessorConfig } from "../src/vit/preprocessing.js";
import { draw } from "./draw.js";
import { decodePng } from "./png.js";

const fixture = (name: string) => readFileSync(new URL(`../fixtures/preprocess/${name}`, import.meta.url));
const fixtureJson = (name: string) => JSON.parse(fixture(name).toString("utf8"));
const fromHex = (text: string) => new Uint8Array(Buffer.from(text, "hex"));
const floatsFromHex = (text: string) => new Float32Array(fromHex(text).buffer);

const filters: readonly ResampleFilter[] = ["nearest", "bilinear", "bicubic", "lanczos"];

const bytes = ({ data }: RgbImage) => [...data];

describe("against Pillow and transformers", () => {
  interface GoldenCase {
    case: string;
    image: string;
    preprocessor_config: unknown;
    shape: [number, number, number, number];
    /** Hash of the pixels [H, W, 3] that Pillow gives. */
    sha256: string;
  }
  const golden: GoldenCase[] = fixtureJson("cases.json");

  it.each(golden)(
    "$case: the pixels that Pillow gives, every one of them",
    ({ image, preprocessor_config, shape, sha256 }) => {
      const config = parseImageProcessorConfig(preprocessor_config);
      const input = decodePng(fixture(image));
      const pixels = resizeAndCrop(input, config);
      expect([1, 3, pixels.height, pixels.width]).toEqual(shape);
      expect(createHash("sha256").update(pixels.data).digest("hex")).toBe(sha256);

      const processed = processImage(input, config);
      expect(processed.shape).toEqual(shape);
      const area = shape[2] * shape[3];
      const wrong = pixels.data.findIndex((byte, i) => {
        const channel = i % 3;
        const value = (byte / 255 - config.imageMean[channel]!) / config.imageStd[channel]!;
        return Math.abs(processed.data[channel * area + Math.floor(i / 3)]! - value) > 1e-6;
      });
      expect(wrong).toBe(-1);
    },
  );

  interface PillowCase {
    filter: ResampleFilter;
    width: number;
    height: number;
    toWidth: number;
    toHeight: number;
    input: string;
    output: string;
  }
  const pillow: PillowCase[] = fixtureJson("pillow.json").cases;

  it.each(pillow)("$filter $width x $height to $toWidth x $toHeight as Pillow does", (it) => {
    const input = { width: it.width, height: it.height, data: fromHex(it.input) };
    const output = resizeImage(input, { width: it.toWidth, height: it.toHeight }, it.filter);
    expect(bytes(output)).toEqual([...fromHex(it.output)]);
  });

  interface TransformersCase {
    case: string;
    config: unknown;
    width: number;
    height: number;
    input: string;
    shape: number[];
    pixelValues: string;
  }
  const transformers: TransformersCase[] = fixtureJson("transformers.json").cases;

  it.each(transformers)("$case: pixel values as transformers has them, bit for bit", (it) => {
    const input = { width: it.width, height: it.height, data: fromHex(it.input) };
    const { shape, data } = processImage(input, parseImageProcessorConfig(it.config));
    expect(shape).toEqual(it.shape);
    expect(data).toEqual(floatsFromHex(it.pixelValues));
  });
});

describe("resizeImage", () => {
  const photo = draw(13, 9, (x, y, c) => (x * 37 + y * 59 + c * 101 + x * y * 7) % 256);

  it.each(filters)("%s: the same size gives the same pixels in memory of its own", (filter) => {
    const same = resizeImage(photo, photo, filter);
    expect(bytes(same)).toEqual(bytes(photo));
    expect(same.data.buffer).not.toBe(photo.data.buffer);
  });

  it.each(filters)("%s: an image of one colour keeps it at every size", (filter) => {
    const size = fc.integer({ min: 1, max: 40 });
    const color = fc.tuple(fc.nat(255), fc.nat(255), fc.nat(255));
    fc.assert(
      fc.property(size, size, size, size, color, (width, height, toWidth, toHeight, rgb) => {
        const plain = draw(width, height, (_x, _y, c) => rgb[c]!);
        const expected = draw(toWidth, toHeight, (_x, _y, c) => rgb[c]!);
        expect(bytes(resizeImage(plain, { width: toWidth, height: toHeight }, filter))).toEqual(bytes(expected));
      }),
      { seed: 1, numRuns: 200 },
    );
  });

  it.each(filters)("%s: a turned image gives the turned result along one axis", (filter) => {
    const turned = draw(photo.height, photo.width, (x, y, c) => photo.data[3 * (x * photo.width + y) + c]!);
    const wide = resizeImage(photo, { width: 5, height: photo.height }, filter);
    const tall = resizeImage(turned, { width: photo.height, height: 5 }, filter);
    const wideTurned = draw(photo.height, 5, (x, y, c) => wide.data[3 * (x * 5 + y) + c]!);
    expect(bytes(tall)).toEqual(bytes(wideTurned));
  });

  it.each(filters)("%s: single rows, columns and pixels", (filter) => {
    const row = draw(7, 1, (x) => 30 * x);
    const column = draw(1, 7, (_, y) => 30 * y);
    const wider = resizeImage(row, { width: 11, height: 4 }, filter);
    const higher = resizeImage(column, { width: 4, height: 11 }, filter);
    const across = (image: RgbImage) => Array.from({ length: 11 }, (_, x) => image.data[3 * x]);
    const down = (image: RgbImage) => Array.from({ length: 11 }, (_, y) => image.data[3 * 4 * y]);
    expect(across(wider)).toEqual(down(higher));
    expect(across(wider)).toEqual([...across(wider)].sort((a, b) => a! - b!));
    expect(
      bytes(
        resizeImage(
          draw(1, 1, () => 77),
          { width: 3, height: 2 },
          filter,
        ),
      ),
    ).toEqual(Array(18).fill(77));
  });

  it("repeats and picks pixels with the nearest filter", () => {
    const pair = draw(2, 1, (x, _y, c) => 100 * x + c);
    expect(bytes(resizeImage(pair, { width: 4, height: 1 }, "nearest"))).toEqual([
      0, 1, 2, 0, 1, 2, 100, 101, 102, 100, 101, 102,
    ]);
    const five = draw(5, 1, (x) => x);
    expect(bytes(resizeImage(five, { width: 2, height: 1 }, "nearest"))).toEqual([1, 1, 1, 3, 3, 3]);
  });

  it("averages when it shrinks, and clamps what overshoots", () => {
    const stripes = draw(8, 8, (x) => (x % 2) * 255);
    const small = resizeImage(stripes, { width: 2, height: 2 }, "bilinear");
    for (const byte of small.data) expect(Math.abs(byte - 127.5)).toBeLessThan(10);
    const edge = draw(8, 1, (x) => (x < 4 ? 0 : 255));
    const sharp = resizeImage(edge, { width: 64, height: 1 }, "lanczos");
    // The filter's overshoot would exceed 0..255 on both sides of the edge. Wrapped bytes would show as the opposite colour.
    expect(Math.max(...sharp.data.subarray(0, 3 * 24))).toBeLessThan(64);
    expect(Math.min(...sharp.data.subarray(3 * 40))).toBeGreaterThan(192);
  });

  it("reads views into larger memory, clamped or not", () => {
    const memory = new Uint8Array(photo.data.length + 10);
    memory.set(photo.data, 7);
    const views = [
      memory.subarray(7, 7 + photo.data.length),
      new Uint8ClampedArray(memory.buffer, 7, photo.data.length),
      Buffer.from(memory.buffer, 7, photo.data.length),
    ];
    const expected = bytes(resizeImage(photo, { width: 4, height: 4 }, "bicubic"));
    for (const data of views)
      expect(bytes(resizeImage({ ...photo, data }, { width: 4, height: 4 }, "bicubic"))).toEqual(expected);
  });

  it.each([0, -1, 1.5, 8193, Number.NaN])("refuses to make an image %d wide", (width) => {
    expect(() => resizeImage(photo, { width, height: 4 }, "bicubic")).toThrow(
      /^image: cannot be resized to .*x4; edges/,
    );
  });

  it.each([
    [{ width: 0, height: 2, data: new Uint8Array(0) }, "image: width and height must be at least 1, got 0x2"],
    [{ width: 2, height: 1.5, data: new Uint8Array(9) }, "image: width and height must be at least 1, got 2x1.5"],
    [{ width: 2, height: 2, data: new Uint8Array(16) }, "image: 2x2 pixels in RGB take 12 bytes, got 16"],
  ])("refuses an image that is none: %o", (image, message) => {
    expect(() => resizeImage(image, { width: 4, height: 4 }, "bilinear")).toThrow(
      expect.objectContaining({ code: "INVALID_IMAGE", message }),
    );
  });
});

describe("resizeAndCrop", () => {
  const config = (fields: object): ImageProcessorConfig => parseImageProcessorConfig(fields);
  const photo = draw(40, 30, (x, y, c) => (x * 11 + y * 23 + c * 71) % 256);

  it("computes only the crop, with the pixels of the whole", () => {
    for (const resample of [0, 1, 2, 3]) {
      const size = { height: 25, width: 37 };
      const whole = resizeAndCrop(photo, config({ size, resample }));
      const crop = resizeAndCrop(
        photo,
        config({ size, resample, do_center_crop: true, crop_size: { height: 10, width: 12 } }),
      );
      const expected = draw(12, 10, (x, y, c) => whole.data[3 * ((y + 7) * 37 + x + 12) + c]!);
      expect(crop).toEqual({ ...expected, data: Uint8ClampedArray.from(expected.data) });
    }
  });

  it("surrounds an image that is smaller than the crop with black, one more pixel before than behind", () => {
    const white = draw(2, 3, () => 255);
    const crop = resizeAndCrop(
      white,
      config({ do_resize: false, do_center_crop: true, crop_size: { height: 4, width: 5 } }),
    );
    const red = Array.from({ length: 4 }, (_, y) => Array.from({ length: 5 }, (_, x) => crop.data[3 * (5 * y + x)]));
    expect(red).toEqual([
      [0, 0, 0, 0, 0],
      [0, 0, 255, 255, 0],
      [0, 0, 255, 255, 0],
      [0, 0, 255, 255, 0],
    ]);
  });

  it("leaves the pixels alone where nothing is to be done", () => {
    expect(bytes(resizeAndCrop(photo, config({ do_resize: false })))).toEqual(bytes(photo));
  });

  it.each([
    [{ shortest_edge: 256 }, [500, 375], [341, 256]],
    [{ shortest_edge: 256 }, [375, 500], [256, 341]],
    [{ shortest_edge: 10 }, [10, 25], [10, 25]],
    [{ shortest_edge: 10, longest_edge: 15 }, [10, 25], [6, 15]],
    [{ shortest_edge: 10, longest_edge: 15 }, [12, 13], [10, 10]],
    // 15 * 5 / 6 = 12.5 and 9 * 5 / 6 = 7.5: Python rounds half to even.
    [{ shortest_edge: 40, longest_edge: 15 }, [5, 6], [12, 15]],
    [{ shortest_edge: 40, longest_edge: 9 }, [5, 6], [8, 9]],
    [{ height: 3, width: 7 }, [50, 50], [7, 3]],
  ])("size %o of %o is %o", (size, [width, height], [toWidth, toHeight]) => {
    const expected = { width: toWidth, height: toHeight };
    expect(processedSize({ width: width!, height: height! }, config({ size }))).toEqual(expected);
  });

  // As timm's ResizeKeepRatio: both sides are divided by the smaller of their ratios to the target.
  it.each([
    [
      [500, 375],
      [80, 40],
      [80, 60],
    ],
    [
      [375, 500],
      [80, 40],
      [80, 107],
    ],
    [
      [61, 47],
      [40, 80],
      [104, 80],
    ],
    [
      [30, 20],
      [60, 40],
      [60, 40],
    ],
  ])("%o pixels cover %o at %o", ([width, height], target, [toWidth, toHeight]) => {
    const covering = { width: target[0]!, height: target[1]! };
    const resized = processedSize({ width: width!, height: height! }, { ...config({}), size: { covering } });
    expect(resized).toEqual({ width: toWidth, height: toHeight });
  });

  it("refuses pictures so narrow that an edge would explode or vanish", () => {
    const line = { width: 1, height: 1000 };
    const covering = { width: 256, height: 128 };
    expect(() => processedSize(line, { ...config({}), size: { covering } })).toThrow("would become 256x256000");
    expect(() => processedSize(line, config({ size: { shortest_edge: 256 } }))).toThrow(
      "image: 1x1000 would become 256x256000; edges must be from 1 to 8192: crop it first",
    );
    expect(() => processedSize(line, config({ size: { shortest_edge: 256, longest_edge: 300 } }))).toThrow(
      expect.objectContaining({ code: "INVALID_IMAGE" }),
    );
  });
});

describe("processImage", () => {
  const photo = draw(5, 4, (x, y, c) => (x * 50 + y * 13 + c) % 256);
  const config = parseImageProcessorConfig({ do_resize: false, image_mean: [0.1, 0.2, 0.3], image_std: [1, 2, 4] });

  it("puts red, green and blue into planes", () => {
    const { shape, data } = processImage(photo, config);
    expect(shape).toEqual([1, 3, 4, 5]);
    const pixel = 3 * 5 + 2;
    for (const [channel, mean, std] of [
      [0, 0.1, 1],
      [1, 0.2, 2],
      [2, 0.3, 4],
    ] as const)
      expect(data[20 * channel + pixel]).toBeCloseTo((photo.data[3 * pixel + channel]! / 255 - mean) / std, 6);
  });

  it("writes one image of a batch and nothing else", () => {
    const batch = new Float32Array(3 * 60).fill(-9);
    expect(processImageInto(photo, config, batch, 60)).toEqual(resizeAndCrop(photo, config));
    expect(batch.subarray(60, 120)).toEqual(processImage(photo, config).data);
    expect(batch.subarray(0, 60).every((value) => value === -9)).toBe(true);
    expect(batch.subarray(120).every((value) => value === -9)).toBe(true);
  });

  it("stacks images into a batch", () => {
    const { data } = processImage(photo, config);
    const batch = new Float32Array(120);
    for (const row of [0, 1]) processImageInto(photo, config, batch, 60 * row);
    expect(stackImages([data, data])).toEqual(batch);
    expect(stackImages([])).toHaveLength(0);
  });

  it.each([1, -1, Number.NaN])("refuses a target that is too short from element %d on", (offset) => {
    expect(() => processImageInto(photo, config, new Float32Array(60), offset)).toThrow(
      expect.objectContaining({ code: "INVALID_INPUT" }),
    );
  });
});
