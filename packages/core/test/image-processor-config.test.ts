/** Tests which fields of preprocessor_config.json are read, and which values are refused. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { processedSize, processImage } from "../src/io/image-processor.js";
import type { ImageProcessorConfig } from "../src/io/processor-config.js";
import { parseImageProcessorConfig, parseProcessorFiles } from "../src/vit/preprocessing.js";
import { draw } from "./draw.js";

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
