/** Seeded random weights, for tests and benchmarks. The speed of a model does not depend on what it has learnt. */
import { requireConfig } from "../arguments.js";
import { hostTensor } from "../host-tensor.js";
import { checkArgument, seedCheck } from "../options.js";
import type { HostTensor, Shape } from "../seam.js";
import { sizeOf } from "../shape.js";
import { poolNames, poolShapes } from "./attention-pool.js";
import { type BlockLayer, hasBias, patchGrid, specialTokens, type VisionModelConfig } from "./config.js";
import { depthShapes } from "./depth/layers.js";
import { namesOfRandomWeights } from "./find-names.js";
import { type BlockPart, blockPath, blockPlace, type Names, type Place, poolParts, tensorName } from "./names.js";
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

/** `weightShapes`, for models whose code is here: see at-once.ts. */
export function weightShapes(config: VisionModelConfig): Record<string, Shape> {
  requireConfig("weightShapes", config);
  return shapesUnder(namesOfRandomWeights(config), config);
}

/** Every tensor of a model with its shape, under given names. */
function shapesUnder(names: Names, config: VisionModelConfig): Record<string, Shape> {
  const { hiddenSize: C, intermediateSize: hidden, layers, labels, registerTokens = 0, mlp } = config;
  const shapes: Record<string, Shape> = {};
  const weight = (name: string, shape: Shape, bias = true) => {
    shapes[`${name}.weight`] = shape;
    if (bias) shapes[`${name}.bias`] = [shape[0]!];
  };
  const { positionedTokens = specialTokens(config) - registerTokens } = config;
  const [rows, columns] = config.positionGrid ?? patchGrid(config);
  if (config.classToken !== false) shapes[names.classToken] = [1, 1, C];
  if (config.distillationToken) shapes[names.distillationToken] = [1, 1, C];
  if (registerTokens > 0) shapes[names.registerTokens] = [1, registerTokens, C];
  if (config.positionTable !== false) shapes[names.positions] = [1, positionedTokens + rows * columns, C];
  Object.assign(shapes, stemShapes(config));
  weight(names.patchEmbedding, patchEmbeddingShape(config, "stored"), config.patchBias !== false);
  if (config.inputNorm) weight(names.inputNorm, [C]);
  /** A tensor that several parts share has the rows of all of them. Each of these parts writes the same entry. */
  const layerAt = (place: Place, [O, ...inputs]: Shape, bias = true) =>
    weight(tensorName(place), [typeof place === "string" ? O! : place.of * O!, ...inputs], bias);
  for (let layer = 0; layer < layers; layer++) {
    const part = (part: BlockPart, shape: Shape) => layerAt(blockPlace(names, layer, part)!, shape);
    const linear = (part: BlockLayer, shape: Shape) =>
      layerAt(blockPlace(names, layer, part)!, shape, hasBias(config, part));
    part("norm1", [C]);
    for (const name of ["query", "key", "value"] as const) linear(name, [C, C]);
    linear("output", [C, C]);
    part("norm2", [C]);
    if (mlp === "swiglu") linear("gate", [hidden, C]);
    linear("fc1", [hidden, C]);
    if (config.mlpNorm) part("mlpNorm", [hidden]);
    linear("fc2", [C, hidden]);
    if (config.layerScale) for (const name of names.layerScale) shapes[`${blockPath(names, layer)}${name}`] = [C];
  }
  weight(names.norm, [C]);
  if (config.pooling === "attention") {
    const { probe, ...places } = poolNames(names);
    const sizes = poolShapes(config);
    shapes[probe] = [1, 1, C];
    for (const name of poolParts) layerAt(places[name], sizes[name]);
  }
  if (labels.length > 0) weight(names.head, [labels.length, config.pooling === "class+mean" ? 2 * C : C]);
  if (config.distillationHead) weight(names.distillationHead, [labels.length, C]);
  if (config.denseHead && labels.length > 0) weight(names.denseHead, [labels.length, C]);
  if (config.projection) weight(names.projection, [config.projection, C], false);
  return Object.assign(shapes, depthShapes(config));
}

/** `randomWeights`, for models whose code is here: see at-once.ts. */
export function randomWeights(config: VisionModelConfig, seed: number): Record<string, HostTensor> {
  requireConfig("randomWeights", config);
  checkArgument("randomWeights", "seed", seed, seedCheck, "INVALID_OPTION");
  return randomWeightsUnder(namesOfRandomWeights(config), config, seed);
}

/** Random weights under given names. The numbers depend on how the names cut tensors, not on the seed alone. */
export function randomWeightsUnder(names: Names, config: VisionModelConfig, seed: number): Record<string, HostTensor> {
  const next = random(seed);
  const normal = (shape: Shape, deviation: number) =>
    hostTensor(shape, () => deviation * Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next()));
  const depth = depthShapes(config);
  const near1 = (shape: Shape) => hostTensor(shape, () => 0.8 + 0.4 * next());
  // A depth head is a long chain of convolutions. With larger weights their sums would cancel, and rounding would show.
  const even = (name: string) => name.startsWith(names.patchEmbedding) || name in depth;
  const tensor = (name: string, shape: Shape): HostTensor => {
    if (name === names.positions) return normal(shape, 0.5);
    if (shape.length === 3) return normal(shape, 1);
    // Weights and variances of norms, layer scales.
    if (shape.length === 1) return /bias$|mean$/.test(name) ? normal(shape, 0.1) : near1(shape);
    const deviation = (even(name) ? 1 : 2) / Math.sqrt(sizeOf(shape.slice(1)));
    return normal(shape, deviation);
  };
  const shapes = Object.entries(shapesUnder(names, config));
  return Object.fromEntries(shapes.map(([name, shape]) => [name, tensor(name, shape)]));
}
