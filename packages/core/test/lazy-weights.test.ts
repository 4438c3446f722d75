/** Parameters of a model whose checkpoint is read in parts: they hold the same values, and none of them in memory. */

import { createCpuBackend } from "@ppt-vit/backend-cpu";
import { expect, it } from "vitest";
import { briefData, isLazy } from "../src/backend.js";
import { createVisionModel, openSafetensors, parseModelConfig, parseSafetensors, randomWeights } from "../src/index.js";
import { readParameters } from "../src/vit/weights.js";
import { inParts, tensor, write } from "./safetensors-file.js";

// One matrix of a block has 64 KiB, from which on tensors are not kept. DINOv2 has layer scale, and its names are fused here.
const config = parseModelConfig({
  model_type: "dinov2",
  architectures: ["Dinov2Model"],
  hidden_size: 128,
  num_hidden_layers: 1,
  num_attention_heads: 2,
  mlp_ratio: 1,
  image_size: 28,
  patch_size: 14,
});
const parts = Object.entries(randomWeights(config, 1)).map(([name, { shape, data }]) =>
  tensor(name, shape, data.slice()),
);
const bytes = write(parts);
const weights = openSafetensors(inParts(bytes));

it("gives the values of the same file in memory, and holds none of the matrices", () => {
  const expected = readParameters(parseSafetensors(bytes), config);
  const actual = readParameters(weights, config);
  expect(Object.keys(actual)).toEqual(Object.keys(expected));
  const lazy = Object.keys(actual).filter((name) => isLazy(actual[name]));
  const parts = ["query", "key", "value", "output", "fc1", "fc2"];
  expect(lazy).toEqual(["patchEmbedding.weight", ...parts.map((part) => `blocks.0.${part}.weight`)]);
  for (const [name, { shape, data }] of Object.entries(expected)) {
    expect(actual[name]!.shape, name).toEqual(shape);
    expect(briefData(actual[name]!), name).toEqual(data);
  }
  // Kept values stay as they are while others are read.
  const kept = lazy.map((name) => actual[name]!.data);
  for (const [i, name] of lazy.entries()) expect(kept[i], name).toEqual(expected[name]!.data);
});

it.each([undefined, "q8", "q4"] as const)("runs as the same file in memory, quantised by %s", async (quantize) => {
  const backend = createCpuBackend();
  const pixelValues = Float32Array.from({ length: 3 * 28 * 28 }, (_, i) => Math.sin(i));
  const embed = async (weights: ReturnType<typeof parseSafetensors>) => {
    const model = await createVisionModel({ config, weights, backend, quantize });
    return (await model.run({ pixelValues, batch: 1 })).embedding!.data;
  };
  expect(await embed(weights)).toEqual(await embed(parseSafetensors(bytes)));
  await backend.dispose();
});

it("names a value that is not finite before a backend takes it", () => {
  const spoilt = bytes.slice();
  spoilt.fill(0xff, spoilt.length - 4 * 128 * 128, spoilt.length);
  expect(() => readParameters(openSafetensors(inParts(spoilt)), config)).toThrow(/holds NaN at element/);
});
