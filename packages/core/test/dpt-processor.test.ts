/** Tests DPT's image processor against results of transformers, made by scripts/make-dpt-cases.py. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import {
  parseImageProcessorConfig,
  processedSize,
  processImage,
  processImageInto,
  type RgbImage,
  resizeAndCrop,
} from "@ppt-vit/core";
import { describe, expect, it } from "vitest";
import { draw } from "./draw.js";

interface SizeCases {
  readonly config: object;
  readonly sizes: readonly (readonly [width: number, height: number, toWidth: number, toHeight: number])[];
}
interface PixelCase {
  readonly picture: readonly [width: number, height: number];
  readonly config: object;
  readonly shape: readonly number[];
  /** Hash of the float32 values [1, 3, H, W]. */
  readonly sha256: string;
}
const golden: { readonly sizes: readonly SizeCases[]; readonly pixels: readonly PixelCase[] } = JSON.parse(
  readFileSync(new URL("../fixtures/preprocess/dpt.json", import.meta.url), "utf8"),
);

const dpt = (fields: object) => parseImageProcessorConfig({ image_processor_type: "DPTImageProcessor", ...fields });

/** The picture of scripts/reference.py. */
const picture = ([width, height]: PixelCase["picture"]): RgbImage =>
  draw(
    width,
    height,
    (x, y, c) => [13 * x + 7 * y + ((x * y) >> 3), 31 * (x >> 1) + 11 * y, 5 * (x ^ y) + (y >> 2)][c]! % 256,
  );

describe("DPTImageProcessor", () => {
  it.each(golden.sizes)("$config makes the sizes of transformers", ({ config, sizes }) => {
    for (const [width, height, toWidth, toHeight] of sizes)
      expect(processedSize({ width, height }, dpt(config))).toEqual({ width: toWidth, height: toHeight });
  });

  it.each(golden.pixels)("$picture $config: pixel values of transformers, bit for bit", (it) => {
    const image = picture(it.picture);
    const config = dpt(it.config);
    const { shape, data } = processImage(image, config);
    expect(shape).toEqual(it.shape);
    expect(createHash("sha256").update(new Uint8Array(data.buffer)).digest("hex")).toBe(it.sha256);
    // Memory that was used before has the same values afterwards.
    const used = new Float32Array(data.length).fill(7);
    const seen = processImageInto(image, config, used);
    expect(used).toEqual(data);
    expect([seen.height, seen.width]).toEqual(it.shape.slice(2));
    expect(resizeAndCrop(image, config)).toEqual(seen);
  });

  it("has a fixed size where the picture cannot change it", () => {
    const size = { height: 28, width: 42 };
    expect(dpt({}).size).toEqual({ height: 384, width: 384 });
    expect(dpt({ size, ensure_multiple_of: 14 }).size).toEqual(size);
    expect(dpt({ size, ensure_multiple_of: 28 }).size).toEqual({ near: size, multipleOf: 28, keepAspectRatio: false });
    expect(dpt({ size, keep_aspect_ratio: true }).size).toEqual({ near: size, multipleOf: 1, keepAspectRatio: true });
  });

  it("goes by its older and newer names, and belongs to the types of depth models", () => {
    const keeps = { keep_aspect_ratio: true, ensure_multiple_of: 14 };
    for (const named of [
      { feature_extractor_type: "DPTFeatureExtractor" },
      { image_processor_type: "DPTImageProcessorFast" },
      { image_processor_type: "DPTImageProcessorPil" },
    ])
      expect(parseImageProcessorConfig({ ...named, ...keeps })).toEqual(dpt(keeps));
    for (const modelType of ["depth_anything", "dpt"])
      expect(parseImageProcessorConfig(keeps, { modelType })).toEqual(dpt(keeps));
  });

  it("shows padding in the colour that becomes zero", () => {
    const white = draw(2, 1, () => 255);
    const { data } = resizeAndCrop(white, dpt({ do_resize: false, do_pad: true, size_divisor: 4, image_mean: 0.2 }));
    expect([...data.subarray(0, 12)]).toEqual(Array(12).fill(51));
    expect([...data.subarray(12, 24)]).toEqual([51, 51, 51, 255, 255, 255, 255, 255, 255, 51, 51, 51]);
  });

  it.each([
    [{ do_pad: true }, "size_divisor must be a whole number from 1 to 8192, got undefined"],
    [{ do_pad: true, size_divisor: 0 }, "size_divisor must be a whole number from 1 to 8192, got 0"],
    [{ ensure_multiple_of: 1.5 }, "ensure_multiple_of must be a whole number from 1 to 8192, got 1.5"],
    [{ keep_aspect_ratio: "yes" }, 'keep_aspect_ratio must be true or false, got "yes"'],
    [
      { size: { shortest_edge: 9 } },
      'size must be {height, width} or one number, of whole numbers from 1 to 8192, got {"shortest_edge":9}',
    ],
  ])("refuses %j", (fields, message) => {
    expect(() => dpt(fields)).toThrow(
      expect.objectContaining({ code: "INVALID_CONFIG", message: expect.stringContaining(message) }),
    );
  });

  it("leaves its steps to itself: other processors ignore them, so a file that sets them is refused", () => {
    expect(() => parseImageProcessorConfig({ keep_aspect_ratio: true })).toThrow("keep_aspect_ratio true");
    expect(() => parseImageProcessorConfig({ ensure_multiple_of: 14 })).toThrow("ensure_multiple_of 14");
  });

  it("refuses pictures so narrow that an edge would vanish or explode", () => {
    const kept = dpt({ size: 518, keep_aspect_ratio: true, ensure_multiple_of: 14 });
    expect(() => processedSize({ width: 5000, height: 20 }, kept)).toThrow("5000x20 would become 518x0");
    expect(() => processedSize({ width: 20_000, height: 600 }, kept)).toThrow("would become 17262x518");
  });
});
