/** Tests exported files: the metadata that they record, and that they compute the same as the program. */
import { createCpuBackend } from "@ppt-vit/backend-cpu";
import { deviceKindNames, deviceKinds, exportOnnx, inspectOnnx } from "@ppt-vit/backend-onnx";
import { tinyConfig, tinyFamilies } from "@ppt-vit/conformance";
import {
  createVisionModel,
  embeddingPoolingOf,
  publishedReduction,
  type ReductionConfig,
  randomWeights,
  sizeOf,
  type VisionModelConfig,
  weightShapes,
  weightsFrom,
} from "@ppt-vit/core";
import * as ort from "onnxruntime-node";
import { describe, expect, it } from "vitest";
import { decodeModel, encodeModel } from "../src/proto.js";

const config = tinyConfig;
const weights = weightsFrom(randomWeights(config, 1));
const reduction: ReductionConfig = { layers: [0, 1], tokensRemoved: 3, threshold: { scaleFree: 0.6 } };
const pixelsOf = (batch: number, { channels, imageSize }: VisionModelConfig = config) =>
  Float32Array.from({ length: batch * channels * imageSize[0] * imageSize[1] }, (_, i) => Math.sin(i * i));

async function runFile(
  bytes: Uint8Array,
  batch: number,
  of: VisionModelConfig = config,
): Promise<ort.InferenceSession.OnnxValueMapType> {
  const session = await ort.InferenceSession.create(bytes);
  const shape = [batch, of.channels, ...of.imageSize];
  const outputs = await session.run({ pixel_values: new ort.Tensor("float32", pixelsOf(batch, of), shape) });
  await session.release();
  return outputs;
}

async function onCpuBackend(batch: number, withReduction: boolean) {
  const backend = createCpuBackend();
  const model = await createVisionModel({
    config,
    weights,
    backend,
    reduction: withReduction ? reduction : undefined,
    outputs: { source: true },
  });
  const output = await model.run({ pixelValues: pixelsOf(batch), batch });
  await model.dispose();
  await backend.dispose();
  return { output, tokens: model.tokens };
}

function expectClose(actual: ort.Tensor, expected: { shape: readonly number[]; data: Float32Array }, within: number) {
  expect(actual.dims).toEqual(expected.shape);
  const largest = expected.data.reduce((a, b) => Math.max(a, Math.abs(b)), 1);
  const data = actual.data as Float32Array;
  const difference = data.reduce((most, value, i) => Math.max(most, Math.abs(value - expected.data[i]!)), 0);
  expect(difference / largest).toBeLessThan(within);
}

describe("exportOnnx", () => {
  it.each([1, 3])("computes logits and source of %i image(s) as the CPU backend does", async (batch) => {
    const { output, tokens } = await onCpuBackend(batch, true);
    for (const portable of [false, true]) {
      const { bytes, outputs } = exportOnnx({ config, weights, reduction, portable, withSourceMap: true });
      expect(outputs).toEqual(["logits", "last_hidden_state", "pooler_output", "source"]);
      const { logits, source } = await runFile(bytes, batch);
      expectClose(logits as ort.Tensor, output.logits, 1e-4);
      expectClose(source as ort.Tensor, output.source!, 1e-6);
      expect((source as ort.Tensor).dims).toEqual([batch, tokens.at(-1), tokens[0]]);
    }
  });

  it("exports the unreduced model", async () => {
    const { output } = await onCpuBackend(2, false);
    const { bytes, metadata } = exportOnnx({ config, weights });
    expect(metadata).toMatchObject({ version: 1, reduction: null, tokens: [expect.any(Number)] });
    expect(metadata.gmacs.reduced).toBe(metadata.gmacs.unreduced);
    expectClose((await runFile(bytes, 2)).logits as ort.Tensor, output.logits, 1e-4);
  });

  it("half precision has float32 inputs and outputs", async () => {
    const { bytes } = exportOnnx({ config, weights, dtype: "float16" });
    const { logits } = await runFile(bytes, 2);
    expect((logits as ort.Tensor).type).toBe("float32");
    expectClose(logits as ort.Tensor, (await onCpuBackend(2, false)).output.logits, 2e-2);
  });

  it.each([
    ["float16", 65_505],
    ["q4f16", -1e6],
  ] as const)("a weight beyond half precision is refused by its name: %s", (dtype, value) => {
    const large = randomWeights(config, 1);
    large["blocks.1.mlp.fc1.weight"]!.data[3] = value;
    const file = () => exportOnnx({ config, weights: weightsFrom(large), dtype });
    expect(file).toThrow(expect.objectContaining({ code: "INVALID_WEIGHTS" }));
    expect(file).toThrow(
      `weights: parameter 'blocks.1.fc1.weight' holds ${value}, and the largest number in half precision is 65504`,
    );
    large["blocks.1.mlp.fc1.weight"]!.data[3] = 65_504;
    expect(file).not.toThrow();
  });

  it("8-bit weights are in the file as integers, in ONNX Runtime's operators and in the standard's", async () => {
    // Unreduced: a reduction of random weights has scores so close that other tokens may be the last ones kept.
    const expected = (await onCpuBackend(2, false)).output.logits;
    const files = [false, true].map((portable) => exportOnnx({ config, weights, dtype: "q8", portable }));
    for (const { bytes, outputs } of files) {
      const { logits } = await runFile(bytes, 2);
      expect(outputs).toEqual(["logits", "last_hidden_state", "pooler_output"]);
      expectClose(logits as ort.Tensor, expected, 0.05);
      expect(inspectOnnx(bytes).dtype).toBe("q8");
    }
    const [fused, portable] = files.map(({ bytes }) => inspectOnnx(bytes).nonStandard);
    expect(fused).toContain("com.microsoft.MatMulIntegerToFloat");
    expect(portable).toEqual([]);

    // Query, key and value of a block read the same integers.
    const { node: nodes } = decodeModel(files[0]!.bytes).graph;
    const [products, activations] = ["MatMulIntegerToFloat", "DynamicQuantizeLinear"].map((opType) =>
      nodes.filter((node) => node.opType === opType),
    ) as [typeof nodes, typeof nodes];
    expect(products.length - activations.length).toBe(2 * config.layers);
    const readers = activations.map(({ output }) => products.filter(({ input }) => input[0] === output[0]).length);
    expect(readers.filter((count) => count === 3)).toHaveLength(config.layers);
  });

  it.each(deviceKindNames)("is made for a kind of devices: %s", async (devices) => {
    const { output } = await onCpuBackend(2, true);
    for (const portable of [false, true]) {
      const { bytes, metadata } = exportOnnx({ config, weights, reduction, portable, for: devices });
      expectClose((await runFile(bytes, 2)).logits as ort.Tensor, output.logits, 1e-4);
      expect(metadata.for).toBe(devices);
      expect(inspectOnnx(bytes).export).toEqual(metadata);
      const { graph, docString } = decodeModel(bytes);
      expect(docString).toContain(deviceKinds[devices].title);
      expect(docString).toContain("/ppt/");
      const own = graph.node.map(({ opType }) => opType);
      // Some devices lack these, or read their integers on the CPU. They are in the standard.
      expect(own.includes("TopK")).toBe(devices !== "any");
      expect(own.includes("LpNormalization")).toBe(devices === "gpu" || (devices === "cpu" && portable));
      expect(own.includes("ArgMax")).toBe(devices === "cpu");
      expect(own.includes("SkipLayerNormalization")).toBe(devices === "gpu" && !portable);
      expect(own.includes("Attention")).toBe(devices === "cpu" && !portable);
    }
  });

  it("is made for those devices that its precision is usually for", () => {
    const usually = { float32: "any", float16: "gpu", q8: "cpu", q4: "gpu", q4f16: "gpu" } as const;
    for (const [dtype, devices] of Object.entries(usually)) {
      const { bytes, metadata } = exportOnnx({ config, weights, dtype: dtype as keyof typeof usually });
      expect(metadata.for).toBe(devices);
      expect(inspectOnnx(bytes).dtype).toBe(dtype);
    }
  });

  it.each(["q8", "q4", "q4f16"] as const)("%s has integers in the file for every kind of devices", async (dtype) => {
    const backend = createCpuBackend();
    const model = await createVisionModel({ config, weights, backend, quantize: dtype === "q8" ? "q8" : "q4" });
    const { logits: expected } = await model.run({ pixelValues: pixelsOf(2), batch: 2 });
    await backend.dispose();
    for (const devices of deviceKindNames) {
      const { bytes } = exportOnnx({ config, weights, dtype, for: devices });
      const { nonStandard } = inspectOnnx(bytes);
      // CPUs quantise the activations of layers with 8-bit weights, too.
      const quantises = devices === "cpu" && dtype !== "q4f16";
      expect(nonStandard.includes("com.microsoft.MatMulIntegerToFloat")).toBe(quantises);
      expect(nonStandard.includes("com.microsoft.MatMulNBits")).toBe(dtype !== "q8" || devices !== "cpu");
      const within = quantises ? 0.05 : dtype === "q4f16" ? 2e-2 : 1e-4;
      expectClose((await runFile(bytes, 2)).logits as ort.Tensor, expected, within);
    }
  });

  it.each([
    ["q4", "any", "q4 needs com.microsoft.MatMulNBits, which is not in the standard"],
    ["q4f16", "cpu", "q4f16 needs com.microsoft.MatMulNBits, which is not in the standard"],
    ["q8", "gpu", "the standard multiplies weights in 8 bits on CPUs only"],
  ] as const)("refuses %s in standard operators for %s", (dtype, devices, says) => {
    expect(() => exportOnnx({ config, weights, dtype, for: devices, portable: true })).toThrow(
      expect.objectContaining({ code: "INVALID_OPTION", message: expect.stringContaining(says) }),
    );
  });

  /**
   * A file holds 4 bytes for each float. In 8 bits a linear layer [O, I] holds O I bytes and 4 O for its scales. What the graph
   * itself takes depends on the tokens and the blocks: a thin model with those of a DeiT shows it.
   */
  it("8-bit weights take at most 0.27 of the bytes of floats, for DeiT-S and DeiT-B", () => {
    const deit = (hiddenSize: number): VisionModelConfig => ({
      ...config,
      imageSize: [224, 224],
      patchSize: [16, 16],
      layers: 12,
      hiddenSize,
      heads: 6,
      intermediateSize: 4 * hiddenSize,
      labels: Array.from({ length: hiddenSize < 100 ? 10 : 1000 }, (_, i) => `label ${i}`),
    });
    const ofWeights = (config: VisionModelConfig, dtype: "float32" | "q8") =>
      Object.values(weightShapes(config)).reduce((sum, shape) => {
        const elements = sizeOf(shape);
        // Matrices, and the patch embedding [C, channels, height, width]. Position embeddings are [1, N, C].
        const linear = shape.length === 2 || shape.length === 4;
        return sum + (dtype === "q8" && linear ? elements + 4 * shape[0]! : 4 * elements);
      }, 0);
    const ofGraph = (hiddenSize: number, dtype: "float32" | "q8") => {
      const thin = deit(hiddenSize);
      const options = {
        config: thin,
        weights: weightsFrom(randomWeights(thin, 1)),
        reduction: publishedReduction,
        dtype,
      };
      return exportOnnx(options).bytes.length - ofWeights(thin, dtype);
    };
    for (const dtype of ["float32", "q8"] as const) {
      // The formula holds: what is left does not grow with the weights.
      expect(Math.abs(ofGraph(48, dtype) - ofGraph(24, dtype))).toBeLessThan(5000);
    }
    for (const width of [384, 768]) {
      const bytes = (dtype: "float32" | "q8") => ofWeights(deit(width), dtype) + ofGraph(24, dtype);
      expect(bytes("q8") / bytes("float32")).toBeLessThan(0.27);
    }
  });

  it("refuses a source map without a reduction", () => {
    for (const reduction of [undefined, { layers: [0], tokensRemoved: 0, threshold: "prune" } as const])
      expect(() => exportOnnx({ config, weights, reduction, withSourceMap: true })).toThrow(
        /a source map needs a reduction/,
      );
  });
});

describe.each(Object.entries(tinyFamilies))("exportOnnx of %s", (_name, config) => {
  const weights = weightsFrom(randomWeights(config, 1));
  const pixels = (batch: number) => pixelsOf(batch, config);

  it.each([
    ["as it is", false, undefined],
    ["with a reduction, in standard operators", true, { layers: [0, 2], tokensRemoved: 2, threshold: "pool" }],
  ] as const)("computes what the CPU backend computes %s", async (_how, portable, reduction) => {
    const backend = createCpuBackend();
    const outputs = { lastHiddenState: true, pooled: true };
    const model = await createVisionModel({ config, weights, backend, reduction, outputs });
    const expected = await model.run({ pixelValues: pixels(2), batch: 2 });
    await backend.dispose();

    const { bytes, outputs: names, shapes } = exportOnnx({ config, weights, reduction, portable });
    const actual = await runFile(bytes, 2, config);
    const { classToken, distilledToken, meanToken, attentionToken } = expected;
    const pooled = {
      class: classToken,
      distilled: distilledToken,
      mean: meanToken,
      attention: attentionToken,
    }[embeddingPoolingOf(config)];
    const features = { last_hidden_state: expected.lastHiddenState, pooler_output: pooled };
    const embedding = config.projection ? { image_embeds: expected.embedding } : features;
    const wanted = config.depth
      ? { predicted_depth: expected.predictedDepth }
      : { ...(config.labels.length > 0 && { logits: expected.logits }), ...embedding };
    expect(names).toEqual(Object.keys(wanted));
    for (const [name, values] of Object.entries(wanted)) expectClose(actual[name] as ort.Tensor, values!, 1e-4);
    for (const name of names) expect((actual[name] as ort.Tensor).dims.slice(1)).toEqual(shapes[name]!.slice(1));
    if (portable) expect(inspectOnnx(bytes).nonStandard).toEqual([]);
  });
});

describe("outputs of an export", () => {
  it("are those that are named, in the model's order, and nothing else is computed", async () => {
    const all = exportOnnx({ config, weights, reduction });
    const features = exportOnnx({ config, weights, reduction, outputs: ["pooler_output", "last_hidden_state"] });
    const logits = exportOnnx({ config, weights, reduction, outputs: ["logits"] });
    expect(features.outputs).toEqual(["last_hidden_state", "pooler_output"]);
    expect(logits.outputs).toEqual(["logits"]);
    const headBytes = 4 * config.hiddenSize * config.labels.length;
    expect(all.bytes.length - features.bytes.length).toBeGreaterThan(headBytes);
    const [whole, part] = [await runFile(all.bytes, 2), await runFile(features.bytes, 2)];
    for (const name of features.outputs) expect(part[name]!.data).toEqual(whole[name]!.data);
  });

  it.each([
    [["image_embeds"], "this model has no output 'image_embeds'; it has logits, last_hidden_state, pooler_output"],
    [[], "outputs are empty"],
    ["logits", "outputs"],
  ])("refuses %j", (outputs, says) => {
    expect(() => exportOnnx({ config, weights, outputs: outputs as [] })).toThrow(
      expect.objectContaining({ code: "INVALID_OPTION", message: expect.stringContaining(says) }),
    );
  });

  it("are what a pooler of the checkpoint makes of the class token", async () => {
    const C = config.hiddenSize;
    const random = randomWeights(config, 1);
    const weight = Float32Array.from({ length: C * C }, (_, i) => Math.sin(3 * i));
    const bias = Float32Array.from({ length: C }, (_, i) => Math.cos(i));
    const pooler = {
      "pooler.dense.weight": { shape: [C, C], data: weight },
      "pooler.dense.bias": { shape: [C], data: bias },
    };
    const outputs = ["pooler_output"] as const;
    const plain = await runFile(exportOnnx({ config, weights, outputs }).bytes, 1);
    const { bytes } = exportOnnx({ config, weights: weightsFrom({ ...random, ...pooler }), outputs });
    const token = plain.pooler_output!.data as Float32Array;
    const expected = Float32Array.from(bias, (b, row) =>
      Math.tanh(b + token.reduce((sum, x, i) => sum + x * weight[row * C + i]!, 0)),
    );
    expectClose((await runFile(bytes, 1)).pooler_output as ort.Tensor, { shape: [1, C], data: expected }, 1e-5);
    const wrong = { ...pooler, "pooler.dense.bias": { shape: [1], data: new Float32Array(1) } };
    expect(() => exportOnnx({ config, weights: weightsFrom({ ...random, ...wrong }), outputs })).toThrow(
      /'pooler.dense.weight' is \[\d+,\d+\] with a bias of \[1\], expected/,
    );
  });
});

describe("inspectOnnx", () => {
  it("tells dtype, operators and what was done to the model", () => {
    const inspect = (options: object) => inspectOnnx(exportOnnx({ config, weights, reduction, ...options }).bytes);
    const plain = inspect({});
    expect(plain).toMatchObject({
      dtype: "float32",
      inputs: ["pixel_values"],
      outputs: ["logits", "last_hidden_state", "pooler_output"],
      operatorSets: { "ai.onnx": 18, "com.microsoft": 1 },
      export: { version: 1, reduction },
    });
    expect(plain.nonStandard).toEqual(["com.microsoft.Gelu"]);
    expect(plain.nodes).toBeGreaterThan(50);
    expect(inspect({ portable: true })).toMatchObject({ operatorSets: { "ai.onnx": 18 }, nonStandard: [] });
    expect(inspect({ dtype: "float16" }).dtype).toBe("float16");
  });

  it.each([new Uint8Array(), Uint8Array.of(1, 2, 3), new TextEncoder().encode("no model at all")])(
    "refuses what is no model",
    (bytes) => {
      expect(() => inspectOnnx(bytes)).toThrow(expect.objectContaining({ code: "INVALID_INPUT" }));
    },
  );

  it("tells what was recorded in the form that JSON can hold", () => {
    const { bytes, metadata } = exportOnnx({ config, weights, reduction: { ...reduction, threshold: Infinity } });
    expect(metadata.reduction).toEqual({ ...reduction, threshold: "pool" });
    expect(inspectOnnx(bytes).export).toEqual(metadata);
  });

  const recorded = {
    version: 1,
    reduction: null,
    tokens: [16, 13],
    gmacs: { unreduced: 0.5, reduced: 0.25 },
  };

  /** An exported file in which the metadata is replaced. */
  function withRecord(text: string): Uint8Array {
    const model = decodeModel(exportOnnx({ config, weights }).bytes);
    return encodeModel({ ...model, metadataProps: [{ key: "ppt_vit", value: text }] });
  }

  it("takes fields that later versions may add", () => {
    const text = JSON.stringify({ ...recorded, madeBy: "somebody" });
    expect(inspectOnnx(withRecord(text)).export).toEqual(recorded);
  });

  it.each([
    ["{", "not valid JSON"],
    ["[]", "expected an object"],
    ["null", "expected an object"],
    ["{}", "version must be 1"],
    [{ version: "1" }, "version must be 1"],
    [{ version: 2 }, "version 2 is unknown, this ppt-vit knows 1"],
    [{ tokens: undefined }, "tokens must be"],
    [{ tokens: [] }, "tokens must be"],
    [{ tokens: "16" }, "tokens must be"],
    [{ tokens: [16, 1.5] }, "tokens must be"],
    [{ gmacs: undefined }, "gmacs must be"],
    [{ gmacs: { unreduced: 1 } }, "gmacs must be"],
    [{ gmacs: { unreduced: 1, reduced: "1" } }, "gmacs must be"],
    [{ for: "tpu" }, "for must be one of cpu, gpu, any"],
    [{ reduction: undefined }, "reduction: expected an object"],
    [{ reduction: { layers: "3" } }, "reduction: layers must be"],
  ])("refuses a record of %j, and says what to do", (change, says) => {
    const text = typeof change === "string" ? change : JSON.stringify({ ...recorded, ...change });
    expect(() => inspectOnnx(withRecord(text))).toThrow(
      expect.objectContaining({
        code: "INVALID_INPUT",
        message: expect.stringMatching(new RegExp(`^metadata 'ppt_vit': ${says}.*: export the model again$`)),
      }),
    );
  });
});
