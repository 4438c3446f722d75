/** Tests that timm's `pretrained_cfg` becomes the steps of timm's evaluation transform. */
import { readFileSync } from "node:fs";
import { processImage, type RgbImage, timmImageProcessor } from "@ppt-vit/core";
import { describe, expect, it } from "vitest";

const of = (pretrained_cfg: object) => timmImageProcessor({ architecture: "vit_small_patch16_224", pretrained_cfg });

describe("timmImageProcessor", () => {
  it("resizes to the crop's share and crops the middle, as AugReg's file says", () => {
    const augreg = { input_size: [3, 224, 224], crop_pct: 0.9, interpolation: "bicubic", mean: [0.5, 0.5, 0.5] };
    expect(of({ ...augreg, std: [0.5, 0.5, 0.5], crop_mode: "center" })).toEqual({
      doResize: true,
      size: { shortestEdge: 248 },
      resample: "bicubic",
      doCenterCrop: true,
      cropSize: { height: 224, width: 224 },
      cropOffset: "half-to-even",
      doRescale: true,
      rescaleFactor: 1 / 255,
      doNormalize: true,
      imageMean: [0.5, 0.5, 0.5],
      imageStd: [0.5, 0.5, 0.5],
    });
  });

  it("has timm's defaults: ImageNet's statistics and seven eighths", () => {
    expect(of({})).toMatchObject({
      size: { shortestEdge: 256 },
      imageMean: [0.485, 0.456, 0.406],
      imageStd: [0.229, 0.224, 0.225],
    });
  });

  it("covers a crop that is not square, and stretches where it is to be squashed", () => {
    const oblong = { input_size: [3, 192, 384], crop_pct: 1 };
    expect(of(oblong)!.size).toEqual({ covering: { height: 192, width: 384 } });
    expect(of({ ...oblong, crop_mode: "squash" })!.size).toEqual({ height: 192, width: 384 });
    expect([of(oblong)!.resample, of({ ...oblong, crop_mode: "squash" })!.resample]).toEqual(["bilinear", "bicubic"]);
  });

  it("leaves alone what is not timm's", () => {
    expect(timmImageProcessor({ model_type: "vit" })).toBeUndefined();
    expect(timmImageProcessor({ architecture: "vit_small_patch16_224" })).toBeUndefined();
  });

  it.each([
    [{ input_size: [3, 224] }, "input_size must be one or two whole numbers"],
    [{ input_size: [3, 1e9, 224] }, "input_size must be one or two whole numbers"],
    [{ crop_pct: -0.5 }, "crop_pct must be a number above 0"],
    [{ crop_pct: 1e-9 }, "makes pictures of"],
    [{ crop_mode: "border" }, 'crop_mode must be center or squash, got "border"'],
    [{ interpolation: "random" }, "interpolation must be"],
    [{ mean: [0.5] }, "pretrained_cfg.mean must be three numbers"],
    [{ std: [0, 1, 1] }, "pretrained_cfg.std must be three numbers"],
    [{ std: [null, 1, 1] }, "pretrained_cfg.std must be three numbers"],
  ])("refuses %j", (fields, message) => {
    expect(() => of(fields)).toThrow(message);
    expect(() => of(fields)).toThrow(expect.objectContaining({ code: "INVALID_CONFIG" }));
  });
});

/** Results of timm's own transform, made by scripts/make-crop-cases.py. */
describe("timm's evaluation transform", () => {
  interface CropCase {
    readonly picture: readonly [width: number, height: number];
    readonly pretrained_cfg: object;
    readonly shape: readonly [number, number, number];
    /** Values at the corners and in the middle of each plane. */
    readonly values: readonly number[];
  }
  const file = readFileSync(new URL("../fixtures/preprocess/timm-crops.json", import.meta.url), "utf8");
  const { cases }: { cases: readonly CropCase[] } = JSON.parse(file);

  function picture([width, height]: CropCase["picture"]): RgbImage {
    const data = new Uint8Array(3 * width * height);
    for (let y = 0, at = 0; y < height; y++)
      for (let x = 0; x < width; x++) {
        data[at++] = 13 * x + 7 * y + ((x * y) >> 3);
        data[at++] = 31 * (x >> 1) + 11 * y;
        data[at++] = 5 * (x ^ y) + (y >> 2);
      }
    return { width, height, data };
  }

  it.each(cases)("$picture $pretrained_cfg", ({ picture: size, pretrained_cfg, shape, values }) => {
    const { shape: made, data } = processImage(picture(size), of(pretrained_cfg)!);
    expect(made.slice(1)).toEqual(shape);
    const [channels, rows, columns] = shape;
    const three = (length: number) => [0, Math.floor(length / 2), length - 1];
    const found = Array.from({ length: channels }, (_, c) =>
      three(rows).flatMap((y) => three(columns).map((x) => data[(c * rows + y) * columns + x]!)),
    ).flat();
    for (const [i, value] of values.entries()) expect(Math.abs(found[i]! - value)).toBeLessThan(1e-5);
  });
});
