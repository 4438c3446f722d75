/** Tests the task `depth-estimation` against transformers, and the files of its maps. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  calibrate,
  colourDepth,
  type DepthEstimator,
  type DepthTensor,
  fromPretrained,
  isFailure,
  type PretrainedModel,
  renderDepth,
} from "@ppt-vit/pipeline";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { depths } from "../src/calibrate/answers/depths.js";
import { greyOf } from "../src/depth/depth-map.js";
import { interpolated } from "../src/depth/interpolate.js";
import { golden, makeDepthFolder } from "./depth-folder.js";
import { expectClose, picture, vitFolder } from "./fixtures.js";

let home: string;
let folder: string;
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "ppt-vit-depth-"));
  folder = makeDepthFolder(join(home, "model"));
});
afterAll(() => rm(home, { recursive: true }));

/** The upper left part of the fixture. */
const part = ([width, height]: readonly [number, number]): Promise<Uint8Array> =>
  sharp(picture).extract({ left: 0, top: 0, width, height }).png().toBuffer();

/** At each corner, in the middle of each edge, and in the middle. */
function ninePlaces({ dims: [height, width], data }: DepthTensor): number[] {
  const three = (length: number) => [0, Math.floor(length / 2), length - 1];
  return three(height).flatMap((y) => three(width).map((x) => data[y * width + x]!));
}

it("compares maps by their proportions", () => {
  const map = Float32Array.of(1, 2, 2, 0);
  expect(
    depths.divergenceOf(
      map,
      map.map((value) => 5 * value),
    ),
  ).toBeCloseTo(0, 6);
  // The best scale of (2, 1, 2, 0) is 8 / 9, which leaves sqrt(17) / 9 of the length.
  expect(depths.divergenceOf(map, Float32Array.of(2, 1, 2, 0))).toBeCloseTo(Math.sqrt(17) / 9, 6);
  expect(depths.divergenceOf(map, new Float32Array(4))).toBe(1);
});

it.each(golden.interpolations)("interpolates $from to $to $mode as PyTorch does", ({ from, to, mode, values }) => {
  const [height, width] = from;
  const data = Float32Array.from({ length: height * width }, (_, i) => (7 * i * i + 3 * i) % 11);
  const made = interpolated({ width, height, data }, { width: to[1], height: to[0] }, mode);
  expect([made.height, made.width]).toEqual(to);
  for (const [i, value] of values.entries()) expect(made.data[i]).toBeCloseTo(value, 5);
});

describe("depth-estimation beside transformers", () => {
  let estimator: DepthEstimator;
  beforeAll(async () => {
    estimator = await fromPretrained(folder, { task: "depth-estimation", backend: "onnx-cpu", reduction: false });
  });
  afterAll(() => estimator.dispose());

  it.each(golden.estimates)("gives the maps of transformers for a picture of $picture", async (it) => {
    const input = await part(it.picture);
    const [width, height] = it.picture;
    for (const interpolation of ["bilinear", "bicubic"] as const) {
      const { predicted_depth, depth, minimum, maximum } = await estimator.estimateDepth(input, { interpolation });
      expect(predicted_depth).toMatchObject({ type: "float32", dims: [height, width], size: width * height });
      expectClose(ninePlaces(predicted_depth), it[interpolation].values);
      expectClose([minimum, maximum], [it[interpolation].minimum, it[interpolation].maximum]);
      expect(depth).toMatchObject({ width, height, channels: 1 });
      expect([Math.min(...depth.data), Math.max(...depth.data)]).toEqual([0, 255]);
      const byte = Math.floor(((predicted_depth.data[99]! - minimum) / (maximum - minimum)) * 255);
      expect(depth.data[99]).toBe(byte);
    }
    const own = await estimator.estimateDepth(input, { interpolation: "none" });
    expect(own.predicted_depth.dims).toEqual(it.model);
    expect(own.patches).toEqual(it.model.map((edge) => edge / 4));
  });
});

describe("depth-estimation", () => {
  const load = (options = {}): Promise<PretrainedModel<"depth-estimation">> =>
    fromPretrained(folder, { task: "depth-estimation", backend: "cpu", reduction: false, ...options });

  it("tells what its numbers are, and gives many pictures what it gives each", async () => {
    const estimator = await load({
      reduction: { layers: [1], tokensRemoved: { share: 0.25 }, threshold: "pool" },
      trace: true,
    });
    expect(estimator).toMatchObject({ depthKind: "relative", patches: [8, 8], tokens: [65, 49] });
    const inputs = await Promise.all(golden.estimates.map((it) => part(it.picture)));
    const results = [];
    for await (const result of estimator.estimateDepthAll([...inputs, new Uint8Array(9)], { batch: 4 }))
      results.push(isFailure(result) ? result.error.code : result);
    expect(results[3]).toBe("INVALID_IMAGE");
    for (const [i, input] of inputs.entries())
      expect(results[i]).toEqual({ ...(await estimator.estimateDepth(input)), latencyMs: expect.any(Number) });
    await estimator.dispose();
  });

  it("sees all pictures at one size if that is asked for, and gives maps of their own sizes", async () => {
    const estimator = await load({ imageSize: [24, 40] });
    const input = await part([30, 40]);
    expect((await estimator.estimateDepth(input)).predicted_depth.dims).toEqual([40, 30]);
    const own = await estimator.estimateDepth(input, { interpolation: "none" });
    expect(own.predicted_depth.dims).toEqual([24, 40]);
    await estimator.dispose();
  });

  it("verifies the depth of a known input", async () => {
    const estimator = await load({ backend: "onnx-cpu", verify: true });
    expect(estimator.verification).toMatchObject({ against: "cpu backend" });
    await estimator.dispose();
  });

  it("is calibrated by how far the maps differ in their proportions", async () => {
    const images = await Promise.all(golden.estimates.map((it) => part(it.picture)));
    const enough = new AbortController();
    const trials: {
      readonly divergence: number;
      readonly disagreements?: number | undefined;
      readonly pictures: number;
    }[] = [];
    const calibrating = calibrate(folder, {
      ...{ images, backend: "onnx-cpu", batch: 3, signal: enough.signal },
      onTrial(trial) {
        trials.push(trial);
        enough.abort("one trial is enough");
      },
    });
    await expect(calibrating).rejects.toBe("one trial is enough");
    expect(trials).toMatchObject([{ pictures: 3, divergence: expect.any(Number) }]);
    expect(trials[0]!.divergence).toBeGreaterThan(0);
    expect(trials[0]!.divergence).toBeLessThan(1);
    expect(trials[0]!.disagreements).toBeUndefined();
  });

  it.each([
    { task: "image-classification", says: "has no classifier: load it with task 'depth-estimation' (ppt-vit depth)" },
    {
      task: "image-feature-extraction",
      says: "has no embedding: load it with task 'depth-estimation' (ppt-vit depth)",
    },
  ] as const)("is what a depth model is for: $task is refused", async ({ task, says }) => {
    await expect(fromPretrained(folder, { task })).rejects.toMatchObject({
      code: "INVALID_OPTION",
      message: `${folder}: ${says}`,
    });
  });

  it("refuses other models and other options", async () => {
    await expect(fromPretrained(vitFolder, { task: "depth-estimation" })).rejects.toMatchObject({
      code: "INVALID_OPTION",
      message: `${vitFolder}: has no depth head: load it with task 'image-classification' (ppt-vit classify) or 'image-feature-extraction' (ppt-vit embed)`,
    });
    const estimator = await load();
    const wrong = { interpolation: "nearest" } as unknown as { interpolation: "none" };
    await expect(estimator.estimateDepth(picture, wrong)).rejects.toMatchObject({
      code: "INVALID_OPTION",
      message: expect.stringContaining("bilinear"),
    });
    await estimator.dispose();
  });
});

describe("pictures of depth", () => {
  const depth = { dims: [2, 3], data: Float32Array.of(-1, 0, 1, 2, 2.5, 3) } as const;

  it("spread the map over 16 bits, 8 bits or colours", async () => {
    const decoded = async (format: "grey16" | "grey8" | "colour", space: "grey16" | "b-w" | "srgb") => {
      const file = sharp(await renderDepth(depth, format));
      const { format: kind, width, height, depth: bits, space: stored, hasProfile } = await file.metadata();
      expect({ kind, width, height, stored, hasProfile }).toEqual({
        ...{ kind: "png", width: 3, height: 2, stored: space, hasProfile: false },
      });
      const type = space === "grey16" ? "ushort" : "uchar";
      expect(bits).toBe(type);
      const data = Uint8Array.from(await file.toColourspace(space).raw({ depth: type }).toBuffer());
      return [...(space === "grey16" ? new Uint16Array(data.buffer) : data)];
    };
    expect(await decoded("grey16", "grey16")).toEqual([0, 16384, 32768, 49151, 57343, 65535]);
    expect(await decoded("grey8", "b-w")).toEqual([0, 64, 128, 191, 223, 255]);
    const colours = await decoded("colour", "srgb");
    expect(colours).toHaveLength(18);
    expect([...colours.slice(0, 3), ...colours.slice(15)]).toEqual([68, 1, 84, 253, 231, 37]);
    const { data: rgba, ...size } = colourDepth(depth);
    expect(size).toEqual({ width: 3, height: 2, channels: 4 });
    expect([...rgba.subarray(0, 4), ...rgba.subarray(20)]).toEqual([68, 1, 84, 255, 253, 231, 37, 255]);
  });

  it("hold the values themselves as a NumPy array", async () => {
    const file = Buffer.from(await renderDepth(depth, "npy"));
    const length = file.readUInt16LE(8);
    expect(file.toString("latin1", 0, 8)).toBe("\x93NUMPY\x01\x00");
    expect((10 + length) % 64).toBe(0);
    expect(file.toString("latin1", 10, 10 + length).trimEnd()).toBe(
      "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }",
    );
    expect(new Float32Array(Uint8Array.from(file.subarray(10 + length)).buffer)).toEqual(depth.data);
  });

  it("are black where everything is equally far away", async () => {
    const flat = { dims: [1, 2], data: Float32Array.of(4, 4) } as const;
    expect([...colourDepth(flat).data.subarray(0, 3)]).toEqual([68, 1, 84]);
    const range = { minimum: 4, maximum: 4 };
    expect([...greyOf({ width: 2, height: 1, data: flat.data }, range).data]).toEqual([0, 0]);
  });

  it.each([undefined, {}, { dims: [1], data: new Float32Array(1) }, { dims: [1, 1], data: [1] }])(
    "are refused for what is no map: %j",
    async (wrong) => {
      await expect(renderDepth(wrong as typeof depth)).rejects.toMatchObject({ code: "INVALID_INPUT" });
    },
  );
});
