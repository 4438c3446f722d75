/** timm's `pretrained_cfg` as the steps that its evaluation transform takes. */
import { timmImageProcessor } from "@ppt-vit/core";
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
