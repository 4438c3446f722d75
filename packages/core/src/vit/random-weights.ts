/** Seeded random weights, for tests and benchmarks: the speed of a model does not depend on what it has learnt. */
import type { HostTensor } from "../backend.js";
import { hostTensor } from "../composites.js";
import { patchCount, specialTokens, type VisionModelConfig } from "./config.js";

/** Numbers in [0, 1), the same on every machine (mulberry32). */
export function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Random weights under timm's names, large enough that attention is far from uniform. */
export function randomWeights(config: VisionModelConfig, seed: number): Record<string, HostTensor> {
  const { hiddenSize: C, intermediateSize, layers, channels, patchSize, labels } = config;
  const next = random(seed);
  const normal = (shape: number[], deviation: number) =>
    hostTensor(shape, () => deviation * Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next()));
  const weights: Record<string, HostTensor> = {};
  const linear = (name: string, O: number, I: number) => {
    weights[`${name}.weight`] = normal([O, I], 2 / Math.sqrt(I));
    weights[`${name}.bias`] = normal([O], 0.1);
  };
  const norm = (name: string) => {
    weights[`${name}.weight`] = hostTensor([C], () => 0.8 + 0.4 * next());
    weights[`${name}.bias`] = normal([C], 0.1);
  };
  weights.cls_token = normal([1, 1, C], 1);
  if (config.distillationToken) weights.dist_token = normal([1, 1, C], 1);
  weights.pos_embed = normal([1, specialTokens(config) + patchCount(config), C], 0.5);
  weights["patch_embed.proj.weight"] = normal(
    [C, channels, ...patchSize],
    1 / Math.sqrt(channels * patchSize[0] * patchSize[1]),
  );
  weights["patch_embed.proj.bias"] = normal([C], 0.1);
  for (let layer = 0; layer < layers; layer++) {
    norm(`blocks.${layer}.norm1`);
    linear(`blocks.${layer}.attn.qkv`, 3 * C, C);
    if (!config.qkvBias) delete weights[`blocks.${layer}.attn.qkv.bias`];
    linear(`blocks.${layer}.attn.proj`, C, C);
    norm(`blocks.${layer}.norm2`);
    linear(`blocks.${layer}.mlp.fc1`, intermediateSize, C);
    linear(`blocks.${layer}.mlp.fc2`, C, intermediateSize);
  }
  norm(config.pooling === "mean" ? "fc_norm" : "norm");
  linear("head", labels.length, C);
  if (config.distillationHead) linear("head_dist", labels.length, C);
  return weights;
}
