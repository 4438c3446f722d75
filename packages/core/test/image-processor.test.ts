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
import { parseImageProcessorConfig, parseProcessorFiles } from "../src/vit/preprocessing.js";
import { decodePng } from "./png.js";

const fixture = (name: string) => readFileSync(new URL(`../fixtures/preprocess/${name}`, import.meta.url));
const fixtureJson = (name: string) => JSON.parse(fixture(name).toString("utf8"));
const fromHex = (text: string) => new Uint8Array(Buffer.from(text, "hex"));
const floatsFromHex = (text: string) => new Float32Array(fromHex(text).buffer);

const filters: readonly ResampleFilter[] = ["nearest", "bilinear", "bicubic", "lanczos"];

/** An image whose bytes come from `byteAt(x, y, channel)`. */
function draw(width: number, height: number, byteAt: (x: number, y: number, channel: number) => number): RgbImage {
  const data = Uint8Array.from({ length: 3 * width * height }, (_, i) =>
    byteAt(Math.floor(i / 3) % width, Math.floor(i / 3 / width), i % 3),
  );
  return { width, height, data };
}

const bytes = ({ data }: RgbImage) => [...data];

describe("against Pillow and transformers", () => {
  interface GoldenCase {
    case: string;
    image: string;
    preprocessor_config: unknown;
    shape: [number, number, number, number];
    /** Of the pixels [H, W, 3] that Pillow gives. */
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
    // Ringing would leave 0..255 on both sides of the edge; wrapped bytes would show as the opposite colour.
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

  // As timm's ResizeKeepRatio: width and height are divided by the smaller of their ratios to the target.
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

describe("parseImageProcessorConfig", () => {
  it("has the defaults of ViTImageProcessor", () => {
    expect(parseImageProcessorConfig({})).toEqual({
      doResize: true,
      size: { height: 224, width: 224 },
      resample: "bilinear",
      doCenterCrop: false,
      cropSize: { height: 224, width: 224 },
      doRescale: true,
      rescaleFactor: 1 / 255,
      doNormalize: true,
      imageMean: [0.5, 0.5, 0.5],
      imageStd: [0.5, 0.5, 0.5],
    });
  });

  it("reads the file of facebook/deit-tiny-patch16-224", () => {
    const config = parseImageProcessorConfig({
      crop_size: 224,
      do_center_crop: true,
      do_normalize: true,
      do_resize: true,
      feature_extractor_type: "DeiTFeatureExtractor",
      image_mean: [0.485, 0.456, 0.406],
      image_std: [0.229, 0.224, 0.225],
      resample: 3,
      size: 256,
    });
    expect(config).toMatchObject({
      size: { height: 256, width: 256 },
      resample: "bicubic",
      doCenterCrop: true,
      cropSize: { height: 224, width: 224 },
      imageMean: [0.485, 0.456, 0.406],
    });
  });

  it("fills in what the named processor would", () => {
    expect(parseImageProcessorConfig({ image_processor_type: "DeiTImageProcessorFast" })).toMatchObject({
      size: { height: 256, width: 256 },
      resample: "bicubic",
      doCenterCrop: true,
    });
    expect(parseImageProcessorConfig({ feature_extractor_type: "CLIPFeatureExtractor", size: 336 })).toMatchObject({
      size: { shortestEdge: 336 },
      resample: "bicubic",
      doCenterCrop: true,
    });
  });

  it("takes the processor of the model's type where the file names none", () => {
    const of = (modelType: string) => parseImageProcessorConfig({}, { modelType });
    expect(of("clip")).toMatchObject({ size: { shortestEdge: 224 }, doCenterCrop: true, resample: "bicubic" });
    expect(of("dinov2_with_registers")).toEqual(of("dinov2"));
    expect(of("deit").size).toEqual({ height: 256, width: 256 });
    expect(of("vit_msn")).toEqual(of("a type of nobody"));
    const named = parseImageProcessorConfig({ feature_extractor_type: "ViTFeatureExtractor" }, { modelType: "clip" });
    expect(named.doCenterCrop).toBe(false);
  });

  it("lets one number be a square or the shorter edge, as the file says", () => {
    const clip = { image_processor_type: "CLIPImageProcessor", size: 99 };
    expect(parseImageProcessorConfig(clip).size).toEqual({ shortestEdge: 99 });
    expect(parseImageProcessorConfig({ ...clip, default_to_square: true }).size).toEqual({ height: 99, width: 99 });
    expect(parseImageProcessorConfig({ size: 99, default_to_square: false }).size).toEqual({ shortestEdge: 99 });
  });

  it("finds the processor in the file that transformers 5 writes, before the older one", () => {
    const nested = {
      image_processor: { image_processor_type: "CLIPImageProcessor" },
      processor_class: "CLIPProcessor",
    };
    const preprocessor = { image_processor_type: "ViTImageProcessor" };
    expect(parseProcessorFiles({ config: {}, processor: nested, preprocessor })?.doCenterCrop).toBe(true);
    expect(parseProcessorFiles({ config: {}, processor: { processor_class: "x" }, preprocessor })?.doCenterCrop).toBe(
      false,
    );
    expect(parseProcessorFiles({ config: {}, processor: { processor_class: "x" } })).toBeUndefined();
  });

  it.each([
    [{ image_processor_type: "SomethingElse" }, 'image_processor_type "SomethingElse" is not supported'],
    [{ image_processor_type: "ConvNextImageProcessor" }, "is not supported; Bit,"],
    [{ image_processor_type: 7 }, "image_processor_type 7 is not supported"],
    [{ do_pad: true, pad_size: { height: 9, width: 9 } }, "do_pad true is not supported"],
    [{ pad_size: { height: 9, width: 9 } }, "pad_size"],
    [{ do_flip_channel_order: true }, "do_flip_channel_order true is not supported"],
    [{ crop_pct: 0.9 }, "crop_pct 0.9 is not supported"],
    [{ default_to_square: "yes" }, 'default_to_square must be true or false, got "yes"'],
  ])("refuses %j, which would change pixels", (json, message) => {
    expect(() => parseImageProcessorConfig(json)).toThrow(message);
    expect(() => parseImageProcessorConfig(json)).toThrow(expect.objectContaining({ code: "INVALID_CONFIG" }));
  });

  it("takes null for missing, lists and single numbers, and ignores unknown fields", () => {
    const config = parseImageProcessorConfig({
      size: [10, 20],
      crop_size: null,
      resample: null,
      image_mean: 0.25,
      image_std: [1, 2, 3],
      __proto__: null,
      do_convert_rgb: "whatever",
    });
    expect(config).toMatchObject({
      doResize: true,
      size: { height: 10, width: 20 },
      cropSize: { height: 224, width: 224 },
      imageMean: [0.25, 0.25, 0.25],
      imageStd: [1, 2, 3],
    });
    expect(parseImageProcessorConfig({ size: { height: 7, width: 8, shortest_edge: null } }).size).toEqual({
      height: 7,
      width: 8,
    });
  });

  it.each([
    [null, "expected a JSON object"],
    [[], "expected a JSON object"],
    ["{}", "expected a JSON object"],
    [{ do_resize: 1 }, "do_resize must be true or false, got 1"],
    [{ resample: 5 }, "resample must be 0 (nearest), 1 (lanczos), 2 (bilinear), 3 (bicubic), got 5"],
    [{ resample: "3" }, 'resample must be 0 (nearest), 1 (lanczos), 2 (bilinear), 3 (bicubic), got "3"'],
    [
      { size: 0 },
      "size must be {height, width}, {shortest_edge}, {shortest_edge, longest_edge} or one number, of whole numbers from 1 to 8192, got 0",
    ],
    [{ size: 8193 }, "got 8193"],
    [{ size: { height: 224 } }, 'got {"height":224}'],
    [{ size: { longest_edge: 224 } }, 'got {"longest_edge":224}'],
    [{ size: { shortest_edge: 2.5 } }, 'got {"shortest_edge":2.5}'],
    [{ size: { shortest_edge: 2, longest_edge: "9" } }, 'got {"shortest_edge":2,"longest_edge":"9"}'],
    [{ size: [1, 2, 3] }, "got [1,2,3]"],
    [
      { crop_size: { shortest_edge: 3 } },
      'crop_size must be {height, width} or one number, of whole numbers from 1 to 8192, got {"shortest_edge":3}',
    ],
    [{ rescale_factor: 0 }, "rescale_factor must be a number from 0.000001 to 1000000, got 0"],
    [{ rescale_factor: Number.NaN }, "got NaN"],
    [{ image_mean: [0.5, 0.5] }, "image_mean must be one or three numbers from -1000000 to 1000000, got [0.5,0.5]"],
    [{ image_mean: [0, 0, 0, 0] }, "got [0,0,0,0]"],
    [{ image_mean: [0, null, 0] }, "got [0,null,0]"],
    [{ image_std: [1, 0, 1] }, "image_std must be one or three numbers from 0.000001 to 1000000, got [1,0,1]"],
    [{ image_std: "1" }, 'got "1"'],
  ])("refuses %o", (json, message) => {
    expect(() => parseImageProcessorConfig(json)).toThrow(
      expect.objectContaining({ code: "INVALID_CONFIG", message: expect.stringContaining(message) }),
    );
  });

  it("refuses or reads whatever it gets, with finite results", () => {
    const names =
      "do_resize size resample do_center_crop crop_size do_rescale rescale_factor do_normalize image_mean image_std image_processor_type".split(
        " ",
      );
    const number = fc.oneof(fc.integer({ min: 0, max: 40 }), fc.double(), fc.constantFrom(-0, 1e308, 1e-7));
    const edges = fc.constantFrom("height", "width", "shortest_edge", "longest_edge", "__proto__");
    const value = fc.oneof(
      number,
      fc.boolean(),
      fc.array(number, { maxLength: 4 }),
      fc.dictionary(edges, number),
      fc.anything(),
    );
    const tiny = draw(3, 2, (x, y, c) => 40 * x + 70 * y + c);
    let accepted = 0;
    fc.assert(
      fc.property(fc.dictionary(fc.constantFrom(...names), value, { maxKeys: 3 }), (json) => {
        let config: ImageProcessorConfig;
        try {
          config = parseImageProcessorConfig(json);
        } catch (error) {
          expect(error).toMatchObject({ name: "PptError", code: "INVALID_CONFIG" });
          return;
        }
        accepted++;
        const { width, height } = processedSize(tiny, config);
        if (width * height > 1e4) return;
        expect(processImage(tiny, config).data.every(Number.isFinite)).toBe(true);
      }),
      { seed: 2, numRuns: 3000 },
    );
    expect(accepted).toBeGreaterThan(300);
  });

  it("shows a deeply nested value without a stack overflow", () => {
    const nested = JSON.parse(`{"size":${"[".repeat(100_000)}${"]".repeat(100_000)}}`);
    expect(() => parseImageProcessorConfig(nested)).toThrow(expect.objectContaining({ code: "INVALID_CONFIG" }));
  });
});
