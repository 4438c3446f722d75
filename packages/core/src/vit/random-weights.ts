/** Seeded random weights, for tests and benchmarks: the speed of a model does not depend on what it has learnt. */
import { requireConfig } from "../arguments.js";
import type { HostTensor, Shape } from "../backend.js";
import { hostTensor } from "../composites.js";
import { checkArgument, seedCheck } from "../options.js";
import { sizeOf } from "../shape.js";
import { patchGrid, specialTokens, type VisionModelConfig } from "./config.js";
import { namesOfRandomWeights } from "./find-names.js";
import { type BlockPart, blockPath, blockPlace, tensorName } from "./names.js";
import { patchEmbeddingShape, stemShapes } from "./stem.js";

/** Numbers in [0, 1), the same on every machine (mulberry32). */
export function random(seed: number): () => number {
  checkArgument("random", "seed", seed, seedCheck, "INVALID_OPTION");
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Every tensor of a model with its shape, under the names of timm, and of its authors where it has a stem. */
export function weightShapes(config: VisionModelConfig): Record<string, Shape> {
  requireConfig("weightShapes", config);
  const { hiddenSize: C, intermediateSize: hidden, layers, labels, registerTokens = 0, mlp } = config;
  const names = namesOfRandomWeights(config);
  const shapes: Record<string, Shape> = {};
  const linear = (name: string, O: number, I: number, bias = true) => {
    shapes[`${name}.weight`] = [O, I];
    if (bias) shapes[`${name}.bias`] = [O];
  };
  const norm = (name: string) => {
    shapes[`${name}.weight`] = [C];
    shapes[`${name}.bias`] = [C];
  };
  const { positionedTokens = specialTokens(config) - registerTokens } = config;
  const [rows, columns] = config.positionGrid ?? patchGrid(config);
  if (config.classToken !== false) shapes[names.classToken] = [1, 1, C];
  if (config.distillationToken) shapes[names.distillationToken] = [1, 1, C];
  if (registerTokens > 0) shapes[names.registerTokens] = [1, registerTokens, C];
  shapes[names.positions] = [1, positionedTokens + rows * columns, C];
  for (const [name, shape] of Object.entries(stemShapes(config))) shapes[name] = shape;
  shapes[`${names.patchEmbedding}.weight`] = patchEmbeddingShape(config, "stored");
  if (config.patchBias !== false) shapes[`${names.patchEmbedding}.bias`] = [C];
  if (config.inputNorm) norm(names.inputNorm);
  for (let layer = 0; layer < layers; layer++) {
    const of = (part: BlockPart) => tensorName(blockPlace(names, layer, part)!);
    norm(of("norm1"));
    linear(of("query"), 3 * C, C, config.qkvBias);
    linear(of("output"), C, C);
    norm(of("norm2"));
    linear(of("fc1"), mlp === "swiglu" ? 2 * hidden : hidden, C);
    linear(of("fc2"), C, hidden);
    if (config.layerScale) for (const name of names.layerScale) shapes[`${blockPath(names, layer)}${name}`] = [C];
  }
  norm(names.norm);
  if (labels.length > 0) linear(names.head, labels.length, config.pooling === "class+mean" ? 2 * C : C);
  if (config.distillationHead) linear(names.distillationHead, labels.length, C);
  if (config.denseHead && labels.length > 0) linear(names.denseHead, labels.length, C);
  if (config.projection) linear(names.projection, config.projection, C, false);
  return shapes;
}

/** Random weights under the names of `weightShapes`, large enough that attention is far from uniform. */
export function randomWeights(config: VisionModelConfig, seed: number): Record<string, HostTensor> {
  requireConfig("randomWeights", config);
  checkArgument("randomWeights", "seed", seed, seedCheck, "INVALID_OPTION");
  const next = random(seed);
  const normal = (shape: Shape, deviation: number) =>
    hostTensor(shape, () => deviation * Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next()));
  const near1 = (shape: Shape) => hostTensor(shape, () => 0.8 + 0.4 * next());
  const names = namesOfRandomWeights(config);
  const tensor = (name: string, shape: Shape): HostTensor => {
    if (name === names.positions) return normal(shape, 0.5);
    if (shape.length === 3) return normal(shape, 1);
    // Weights and variances of norms, layer scales.
    if (shape.length === 1) return /bias$|mean$/.test(name) ? normal(shape, 0.1) : near1(shape);
    const deviation = (name.startsWith(names.patchEmbedding) ? 1 : 2) / Math.sqrt(sizeOf(shape.slice(1)));
    return normal(shape, deviation);
  };
  return Object.fromEntries(Object.entries(weightShapes(config)).map(([name, shape]) => [name, tensor(name, shape)]));
}
