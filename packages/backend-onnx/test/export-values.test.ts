/** Compares exports with transformers in Python: the outputs that its models give under the same names. */
import { readFileSync } from "node:fs";
import { exportOnnx } from "@ppt-vit/backend-onnx";
import { parseModelConfig, parseSafetensors, type WeightSource } from "@ppt-vit/core";
import * as ort from "onnxruntime-node";
import { describe, expect, it } from "vitest";

const folder = new URL("../../core/fixtures/families/", import.meta.url);
const fileOf = (name: string) => readFileSync(new URL(name, folder));
const pixels = parseSafetensors(fileOf("pixels.safetensors")).read("trained");

describe.each(["vit-pooler", "dinov2-pooled", "clip-vision"])("an export of %s", (name) => {
  const fixture = parseSafetensors(fileOf(`${name}.safetensors`), name);
  const own = "weights.";
  const weights: WeightSource = {
    names: fixture.names.filter((tensor) => tensor.startsWith(own)).map((tensor) => tensor.slice(own.length)),
    has: (tensor) => fixture.has(own + tensor),
    read: (tensor) => fixture.read(own + tensor),
  };
  const config = parseModelConfig(JSON.parse(String(fileOf(`${name}.json`))), weights);
  // DINOv2 takes its size from the preprocessing.
  const { bytes, outputs } = exportOnnx({ config: { ...config, imageSize: [16, 16] }, weights });

  it("gives last_hidden_state and pooler_output as its Python model does", async () => {
    expect(outputs).toEqual(["last_hidden_state", "pooler_output"]);
    const session = await ort.InferenceSession.create(bytes);
    const results = await session.run({ pixel_values: new ort.Tensor("float32", pixels.data, [...pixels.shape]) });
    await session.release();
    for (const output of outputs) {
      const expected = fixture.read(`runs.trained.${output}`);
      const { dims, data } = results[output]!;
      expect(dims).toEqual(expected.shape);
      const values = data as Float32Array;
      const differences = expected.data.map((value, i) => Math.abs(value - values[i]!) / (1 + Math.abs(value)));
      expect(Math.max(...differences)).toBeLessThan(1e-5);
    }
  });
});
