/** Tests that the main entry answers at once for any configuration, whatever was called before. */
import { createCpuBackend } from "@ppt-vit/backend-cpu";
import type { WeightSource } from "@ppt-vit/core";
import { beforeEach, expect, it, vi } from "vitest";
import type { VisionModelConfig } from "../src/vit/config.js";

type Core = typeof import("@ppt-vit/core");

/** As JSON: timm's names, and positions that are interpolated, need code that a plain ViT does without. */
let config: VisionModelConfig;
let weights: WeightSource;
let core: Core;

beforeEach(async () => {
  const made = await import("@ppt-vit/core");
  const json = { model_type: "vit", image_size: 8, patch_size: 4, hidden_size: 8, num_hidden_layers: 1, num_labels: 2 };
  const own = made.parseModelConfig({ ...json, num_attention_heads: 2 });
  config = made.withImageSize(own, [12, 12]);
  weights = made.weightsFrom(made.randomWeights(own, 1));
  vi.resetModules();
  core = await import("@ppt-vit/core");
});

const functions: Record<string, (core: Core) => unknown> = {
  createVisionModel: (core) => core.createVisionModel({ config, weights, backend: createCpuBackend() }),
  headsFit: (core) => core.headsFit(weights, config),
  modelCost: (core) => core.modelCost({ ...config, pooling: "attention" }),
  modelFingerprint: (core) => core.modelFingerprint(config, weights),
  prepareVisionProgram: (core) => core.prepareVisionProgram({ config, weights }),
  readParameters: (core) => core.readParameters(weights, config),
  storedParameters: (core) => core.storedParameters(weights, config, {}),
  weightBytes: (core) => core.weightBytes({ ...config, pooling: "attention" }, "fp32"),
  weightShapes: (core) => core.weightShapes({ ...config, pooling: "attention" }),
};

it.each(Object.keys(functions))("%s", async (name) => {
  expect(await functions[name]!(core)).toBeDefined();
});
