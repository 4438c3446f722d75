/** Tests weights as integers: the demo model's answers stay, on backends that compute with integers and on those that do not. */
import { createCpuBackend } from "@ppt-vit/backend-cpu";
import { createOnnxBackend } from "@ppt-vit/backend-onnx";
import { createWasmBackend } from "@ppt-vit/backend-wasm";
import { tinyConfig, tinyFamilies } from "@ppt-vit/conformance";
import {
  type Backend,
  createVisionModel,
  type QuantizedDtypeName,
  quantizedDtypeNames,
  randomWeights,
  type VisionModelConfig,
  type WeightDtypeName,
  weightsFrom,
} from "@ppt-vit/core";
import { demoSamplesUrl } from "@ppt-vit/demo-model";
import { createBackend, fromPretrained } from "@ppt-vit/pipeline";
import { describe, expect, it } from "vitest";

/** Largest difference of a logit, over the largest logit. */
const allowed = { q8: 0.03, q4: 0.15 };

const picture = new URL("000_dog.png", demoSamplesUrl);

describe.each([
  ["ONNX Runtime, native CPU", () => createOnnxBackend({ device: "cpu" }), [{}, false]],
  ["ONNX Runtime, wasm", () => createOnnxBackend({ device: "wasm" }), [{}, false]],
  ["ONNX Runtime in half precision", () => createOnnxBackend({ device: "cpu", dtype: "fp16" }), [{}, false]],
  ["WebAssembly", async () => createWasmBackend(), [{}, false]],
  // Its runs take seconds.
  ["plain CPU", async () => createCpuBackend(), [{}]],
] as const)("weights as integers on %s", (_, create, reductions) => {
  it("give nearly the same logits, with PPT and without", async () => {
    const backend = await create();
    for (const reduction of reductions) {
      const answers = async (dtype: WeightDtypeName) => {
        const classifier = await fromPretrained("demo", { backend, dtype, reduction });
        const { labels, stages } = await classifier.classify(picture, { topK: 48 });
        await classifier.dispose();
        expect(classifier.dtype).toBe(dtype);
        return { labels, actions: stages.map(({ policy }) => policy) };
      };
      const exact = await answers("fp32");
      const largest = Math.max(...exact.labels.map(({ logit }) => Math.abs(logit)));
      for (const dtype of quantizedDtypeNames) {
        const quantized = await answers(dtype);
        expect(quantized.actions).toEqual(exact.actions);
        expect(quantized.labels[0]!.label).toBe("dog");
        const logitOf = new Map(quantized.labels.map(({ index, logit }) => [index, logit]));
        const differences = exact.labels.map(({ index, logit }) => Math.abs(logit - logitOf.get(index)!));
        expect(Math.max(...differences)).toBeLessThan(allowed[dtype] * largest);
        // Nothing was quantised if all are the same.
        expect(Math.max(...differences)).toBeGreaterThan(0);
      }
    }
    await backend.dispose();
  });
});

/** Lengths that blocks of 32 do not divide: heads of 80, rows of fewer values than a block, and the last heads of 12. */
const oddLengths = [
  { hiddenSize: 80, heads: 1, intermediateSize: 99 },
  { hiddenSize: 15, heads: 3, intermediateSize: 9 },
  { hiddenSize: 36, heads: 3, intermediateSize: 70 },
];

const oddModels = Object.entries({
  plain: tinyConfig,
  distilled: { ...tinyConfig, distillationToken: true, distillationHead: true },
  ...tinyFamilies,
}).map(([name, config], i) => {
  // A depth head reads several blocks.
  const layers = config.depth ? config.layers : 1;
  return [name, { ...config, layers, ...oddLengths[i % oddLengths.length] }] as const;
});

async function answerOn(backend: Backend, config: VisionModelConfig, quantize: QuantizedDtypeName) {
  const weights = weightsFrom(randomWeights(config, 3));
  const model = await createVisionModel({ config, weights, backend, quantize });
  const pixels = 2 * config.channels * config.imageSize[0] * config.imageSize[1];
  const pixelValues = Float32Array.from({ length: pixels }, (_, i) => Math.sin(1.7 * i));
  const { logits, embedding = logits, predictedDepth: answer = embedding } = await model.run({ pixelValues, batch: 2 });
  expect(model.notices ?? []).toEqual([]);
  await model.dispose();
  return answer.data;
}

it("odd lengths give what the plain CPU backend computes of the same weights, in every family", async () => {
  const reference = createCpuBackend();
  const allowed = {
    // Activations in 8 bits, and in 16. Random weights amplify their error.
    "onnx-cpu": 0.06,
    "onnx-wasm": 0.06,
    wasm: 1e-3,
    "tfjs-cpu": 1e-5,
  };
  const backends = await Promise.all(
    Object.entries(allowed).map(async ([name, most]) => ({ name, most, backend: await createBackend(name) })),
  );
  for (const [model, config] of oddModels)
    for (const quantize of quantizedDtypeNames) {
      const expected = await answerOn(reference, config, quantize);
      const largest = Math.max(...expected.map(Math.abs));
      for (const { name, most, backend } of backends) {
        const found = await answerOn(backend, config, quantize);
        const off = Math.max(...found.map((value, i) => Math.abs(value - expected[i]!))) / largest;
        // NaN is not less, either.
        if (!(off < most)) expect.fail(`${model} in ${quantize} on ${name} is off by ${off}, ${most} allowed`);
      }
    }
  for (const { backend } of backends) await backend.dispose();
});

it("is compared with the same weights on the plain CPU backend by `verify`", async () => {
  const classifier = await fromPretrained("demo", { backend: "onnx-cpu", dtype: "q8", verify: true });
  expect(classifier.verification).toMatchObject({ against: "cpu backend", tolerance: 0.05 });
  await classifier.dispose();
});

it("is compared with nothing on the plain CPU backend, and says why", async () => {
  const classifier = await fromPretrained("demo", { backend: "cpu", dtype: "q8", verify: true });
  expect(classifier.verification).toMatchObject({
    against: "nothing",
    reason: expect.stringContaining("verification.json has no logits for dtype 'q8'"),
  });
  await classifier.dispose();
});

it("passes on what a backend tells about its device", async () => {
  const right = createCpuBackend();
  const backend = {
    ...right,
    compile: async (...given: Parameters<typeof right.compile>) => ({
      ...(await right.compile(...given)),
      notices: ["cpu: 8-bit weights are taken as floats"],
    }),
  };
  const told: unknown[] = [];
  const classifier = await fromPretrained("demo", {
    backend,
    dtype: "q8",
    progress_callback: (info) => void (info.status === "notice" && told.push(info)),
  });
  await classifier.dispose();
  expect(told).toEqual([{ status: "notice", backend: "cpu", message: "cpu: 8-bit weights are taken as floats" }]);
});

it.each(["fp16", "int8", "q5", 8])("refuses dtype %s, and says what there is", async (dtype) => {
  await expect(fromPretrained("demo", { dtype: dtype as "q8" })).rejects.toMatchObject({
    code: "INVALID_OPTION",
    message: expect.stringMatching(
      /dtype is .*, expected one of 'fp32', 'q8', 'q4'; for half precision write .*createOnnxBackend/,
    ),
  });
});
