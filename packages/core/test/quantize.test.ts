/** Tests weights as integers: their values, who keeps them, and that everything else stays in floats. */
import { createCpuBackend } from "@ppt-vit/backend-cpu";
import { tinyConfig, tinyFamilies } from "@ppt-vit/conformance";
import {
  createVisionModel,
  type HostTensor,
  hostTensor,
  openSafetensors,
  parseSafetensors,
  type QuantizedBlocks,
  type QuantizedDtypeName,
  type QuantizedRows,
  quantizeBlocks,
  quantizedDtypeNames,
  quantizeRows,
  randomWeights,
  readParameters,
  weightBytes,
  weightsFrom,
} from "@ppt-vit/core";
import { describe, expect, it } from "vitest";
import { write } from "./safetensors-file.js";

const rowsOf = (weight: HostTensor) => {
  const { shape, data, quantized } = quantizeRows(weight);
  return { shape, data, quantized: quantized as QuantizedRows };
};
const blocksOf = (weight: HostTensor) => {
  const { shape, data, quantized } = quantizeBlocks(weight);
  return { shape, data, quantized: quantized as QuantizedBlocks };
};

/**
 * Rows of many magnitudes: halves of a step, halves of a step but for the last bit, both zeros, numbers below the smallest
 * normal one, the largest ones, and of the extreme both signs.
 */
const hardRows: HostTensor = hostTensor([600, 45], (i) => {
  const [row, at] = [Math.floor(i / 45), i % 45];
  const power = 2 ** ((row % 8) * 36 - 131);
  if (at % 32 === 7) return (row % 3 === 0 ? -64 : 64) * power;
  if (at % 32 === 9) return (row % 2 === 0 ? -64 : 64) * power * (row % 5 === 0 ? 1 : 0.99);
  const half = ((i * 7919) % 128) - 63.5;
  return (row < 300 ? half * (1 + ((i % 3) - 1) * 2 ** -23) : 64 * Math.sin(i * i)) * power * (at === 3 ? 0 : 1);
});

/** The definition, a value at a time. */
function definedIntegers(values: readonly number[], steps: number, signed: boolean): number[] {
  const extreme = values.reduce((most, value) => (Math.abs(value) > Math.abs(most) ? value : most), 0);
  const exact = Math.fround(signed ? extreme / -steps : Math.abs(extreme) / steps);
  const scale = Math.abs(exact) < 2 ** -126 ? 2 ** -126 : exact;
  return values.map((value) => Math.round(value / scale) + 0);
}

it("rounds as Math.round does", () => {
  const [O, I] = hardRows.shape as [number, number];
  const rows = rowsOf(hardRows).quantized.integers;
  const { integers } = blocksOf(hardRows).quantized;
  for (let row = 0; row < O; row++) {
    const values = [...hardRows.data.subarray(row * I, (row + 1) * I)];
    expect([...rows.subarray(row * I, (row + 1) * I)]).toEqual(definedIntegers(values, 64, false));
    for (const block of [0, 1]) {
      const part = values.slice(32 * block, 32 * (block + 1));
      const expected = definedIntegers(part, 8, true).map((integer) => Math.min(7, integer) + 8);
      const bytes = [...integers.subarray((row * 2 + block) * 16, (row * 2 + block + 1) * 16)];
      expect(bytes.flatMap((byte) => [byte & 15, byte >> 4]).slice(0, part.length)).toEqual(expected);
    }
  }
});

describe("weightBytes", () => {
  it.each(Object.entries(tinyFamilies))(
    "tells what a precision saves, from the configuration alone: %s",
    (_, config) => {
      const weights = weightsFrom(randomWeights(config, 1));
      const stored = (quantize: QuantizedDtypeName | undefined) =>
        Object.values(readParameters(weights, config, { quantize })).reduce(
          (sum, { data, quantized: kept }) =>
            sum + (kept ? kept.integers.byteLength + kept.scales.byteLength : data.byteLength),
          0,
        );
      // Some tensors are folded into others, whatever the precision: so the bytes that it saves are compared.
      for (const dtype of quantizedDtypeNames)
        expect(weightBytes(config, "fp32") - weightBytes(config, dtype)).toBe(stored(undefined) - stored(dtype));
    },
  );

  it("refuses a precision that it does not know", () => {
    expect(() => weightBytes(tinyConfig, "q9" as "q8")).toThrow(expect.objectContaining({ code: "INVALID_OPTION" }));
  });
});

describe("quantizeBlocks", () => {
  it("packs two integers in a byte, and gives each block the scale of its largest value", () => {
    const values = Array.from({ length: 64 }, (_, i) => (i < 32 ? i - 16 : (i - 48) / 100));
    const { data, quantized } = blocksOf({ shape: [1, 64], data: Float32Array.from(values) });
    expect([...quantized.scales]).toEqual([2, Math.fround(0.02)]);
    // -16 and -15 are 0 and 1 steps (of 2) above the lowest integer, 14 and 15 are 15 steps above it.
    expect([quantized.integers[0], quantized.integers[15]]).toEqual([0x10, 0xff]);
    expect([data[0], data[2], data[16], data[32]]).toEqual([-16, -14, 0, Math.fround(-0.16)]);
  });

  it.each([1, 31, 32, 33, 64, 70])("pads the last block of rows of %d values with zeros", (I) => {
    const weight = hostTensor([3, I], (i) => Math.sin(i * i + 1));
    const { data, quantized } = blocksOf(weight);
    const perRow = Math.ceil(I / 32);
    expect([quantized.scales.length, quantized.integers.length]).toEqual([3 * perRow, 3 * perRow * 16]);
    expect(data).toHaveLength(3 * I);
    for (let row = 0; row < 3; row++)
      for (let i = I; i < perRow * 32; i++) {
        const byte = quantized.integers[(row * perRow * 32 + i) >> 1]!;
        expect(i % 2 === 0 ? byte & 15 : byte >> 4).toBe(8);
      }
    // The positive end of the range is one step short.
    for (const [i, value] of weight.data.entries()) {
      const step = Math.abs(quantized.scales[Math.floor(i / I) * perRow + Math.floor((i % I) / 32)]!);
      expect(Math.abs(data[i]! - value)).toBeLessThanOrEqual(1.0001 * step);
    }
  });

  it("keeps blocks of zeros, of equal values, of the smallest and of the largest values", () => {
    for (const value of [0, 5, -0.25, 2 ** -149, 3.4e38]) {
      const { data, quantized } = blocksOf(hostTensor([1, 40], () => value));
      const stored = Math.fround(value);
      expect([...data]).toEqual(Array(40).fill(Math.abs(value) < 1e-38 ? expect.closeTo(0) : stored));
      expect(quantized.scales.every((scale) => scale !== 0 && Number.isFinite(scale))).toBe(true);
    }
  });

  it.each([Number.NaN, Number.NEGATIVE_INFINITY])("refuses a row with %d, and names it", (value) => {
    expect(() => quantizeBlocks(hostTensor([3, 40], (i) => (i === 119 ? value : 1)))).toThrow(
      expect.objectContaining({ code: "INVALID_WEIGHTS", message: expect.stringContaining(`row 2 holds ${value}`) }),
    );
  });
});

describe("quantizeRows", () => {
  it("gives each row a scale of its own, and its largest value back", () => {
    const { shape, data, quantized } = rowsOf({ shape: [2, 3], data: Float32Array.of(1, -4, 2, 0.01, 0, -0.02) });
    expect(shape).toEqual([2, 3]);
    expect([...quantized.integers]).toEqual([16, -64, 32, 32, 0, -64]);
    expect([...quantized.scales]).toEqual([4 / 64, Math.fround(0.02 / 64)]);
    expect([...data]).toEqual([1, -4, 2, 0.01, 0, -0.02].map((value) => expect.closeTo(value, 7)));
  });

  it("is at most half a step off", () => {
    const weight = hostTensor([7, 33], (i) => Math.sin(i * i) * 10 ** ((i % 7) - 3));
    const { data, quantized } = rowsOf(weight);
    for (const [i, value] of weight.data.entries()) {
      const step = quantized.scales[Math.floor(i / 33)]!;
      expect(Math.abs(data[i]! - value)).toBeLessThanOrEqual(0.5001 * step);
    }
  });

  it("keeps rows of zeros, of equal values and of the smallest values", () => {
    const tiny = 2 ** -149;
    const { data } = quantizeRows({ shape: [3, 2], data: Float32Array.of(0, 0, 5, 5, tiny, -tiny) });
    expect([...data]).toEqual([0, 0, 5, 5, 0, 0].map((value) => expect.closeTo(value, 6)));
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY])("refuses a row with %d, and names it", (value) => {
    const weight = { shape: [2, 2], data: Float32Array.of(1, 2, 3, value) };
    expect(() => quantizeRows(weight)).toThrow(
      expect.objectContaining({ code: "INVALID_WEIGHTS", message: expect.stringContaining(`row 1 holds ${value}`) }),
    );
  });

  it("refuses what is no matrix", () => {
    expect(() => quantizeRows(hostTensor([4], () => 1))).toThrow(
      expect.objectContaining({ code: "INVALID_SHAPE", message: "quantizeRows: expected a matrix, got [4]" }),
    );
  });
});

it.each(["F16", "BF16"] as const)("the integers are those of the values that a file of %s holds", (dtype) => {
  const config = tinyConfig;
  // The upper halves of float32 are bfloat16. As float16 the same bits are other numbers, which are finite, too.
  const parts = Object.entries(randomWeights(config, 1)).map(([name, { shape, data }]) => ({
    name,
    dtype,
    shape,
    data: Uint16Array.from(new Uint32Array(data.buffer, data.byteOffset, data.length), (bits) => bits >>> 16),
  }));
  const bytes = write(parts);
  const opened = openSafetensors({ size: bytes.length, read: (begin, end) => bytes.slice(begin, end) });
  const whole = parseSafetensors(bytes);
  const floats = weightsFrom(Object.fromEntries(whole.names.map((name) => [name, whole.read(name)])));
  for (const quantize of quantizedDtypeNames)
    expect(readParameters(opened, config, { quantize })).toEqual(readParameters(floats, config, { quantize }));
});

describe("a model with 8-bit weights", () => {
  const weights = weightsFrom(randomWeights({ ...tinyConfig, layerScale: true }, 1));
  const config = { ...tinyConfig, layerScale: true };

  it("has them in its linear layers and nowhere else", () => {
    const parameters = readParameters(weights, config, { quantize: "q8" });
    const quantized = Object.keys(parameters).filter((name) => parameters[name]!.quantized);
    const floats = Object.keys(readParameters(weights, config)).filter((name) => !quantized.includes(name));
    expect(
      quantized.every((name) => /\b(query|key|value|output|fc1|fc2|patchEmbedding|head)\.weight$/.test(name)),
    ).toBe(true);
    expect(quantized).toHaveLength(2 + 6 * config.layers);
    expect(floats.every((name) => /(bias|norm\d?\.weight)$|^positions$/.test(name))).toBe(true);
  });

  it("holds layer scale in the scales of the rows", () => {
    const exact = readParameters(weights, config);
    const parameters = readParameters(weights, config, { quantize: "q8" });
    for (const [name, { data }] of Object.entries(exact)) {
      const largest = data.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      const found = parameters[name]!.data;
      for (const [i, value] of data.entries()) expect(Math.abs(found[i]! - value)).toBeLessThanOrEqual(largest / 127);
    }
  });

  it.each([undefined, ...quantizedDtypeNames])(
    "names the tensor that layer scale makes infinite, dtype %s",
    (quantize) => {
      const large = randomWeights(config, 1);
      large["blocks.1.mlp.fc2.weight"]!.data[3] = 3e38;
      large["blocks.1.ls2.gamma"]!.data.fill(50);
      expect(() => readParameters(weightsFrom(large), config, { quantize })).toThrow(
        "weights: tensor 'blocks.1.mlp.fc2.weight' holds Infinity at element 3 once layer scale is multiplied in",
      );
    },
  );

  it("computes with their floats where the backend knows no integers", async () => {
    const backend = createCpuBackend();
    const pixelValues = new Float32Array(config.channels * config.imageSize[0] * config.imageSize[1]).map((_, i) =>
      Math.sin(i),
    );
    const logitsOf = async (quantize?: "q8") => {
      const model = await createVisionModel({ config, weights, backend, quantize });
      return (await model.run({ pixelValues, batch: 1 })).logits.data;
    };
    const [exact, quantized] = [await logitsOf(), await logitsOf("q8")];
    const largest = Math.max(...exact.map(Math.abs));
    expect(quantized).not.toEqual(exact);
    for (const [i, value] of exact.entries()) expect(Math.abs(quantized[i]! - value)).toBeLessThan(0.1 * largest);
    await backend.dispose();
  });

  it("is asked for by one of the known names", async () => {
    const backend = createCpuBackend();
    const given = { config, weights, backend, quantize: "int8" } as unknown as Parameters<typeof createVisionModel>[0];
    await expect(createVisionModel(given)).rejects.toMatchObject({
      code: "INVALID_OPTION",
      message: expect.stringMatching(/quantize is .*, expected one of 'q8', 'q4'/),
    });
    await backend.dispose();
  });
});
