/** Reads a model's parameters under the names of its library, checks each of them, and folds some into others. */
import { requireConfig, requireWeights } from "../arguments.js";
import { PptError } from "../errors.js";
import { derivedTensor, lazyTensor, partOfTensor } from "../lazy-tensor.js";
import type { HostTensor, Shape } from "../seam.js";
import { sameShape, showShape, sizeOf } from "../shape.js";
import { type QuantizedDtypeName, quantizerOf } from "../weight-dtypes/index.js";
import type { LinearPlace } from "../weight-dtypes/weight-dtype.js";
import { type BlockLayer, hasBias, patchGrid, specialTokens, tokenCount, type VisionModelConfig } from "./config.js";
import { namesIn } from "./find-names.js";
import { refuseQuantizedTensors } from "./foreign-quantization.js";
import { otherModels } from "./model-code.js";
import { type AttentionPoolNames, type BlockPart, blockPath, blockPlace, type Names, type Place } from "./names.js";
import type { Grid } from "./positions.js";
import { patchEmbeddingShape, stemParameters } from "./stem.js";
import { type UnwrappedWeights, unreadTensors, unwrapped, type WeightSource } from "./stored-names.js";

/** Options of `readParameters`. */
export interface ReadOptions {
  /**
   * Keeps the weights of linear layers as integers. Each is quantised as soon as it is read, so that no more than one block
   * of the model is in memory as floats. Default: all weights stay floats.
   */
  readonly quantize?: QuantizedDtypeName | undefined;
}

/** Reads tensors, each of them checked against the shape that the config asks for. */
type ReadTensor = (name: string, shape: Shape) => HostTensor;

/** `readParameters`, for models whose code is here: see at-once.ts. */
export function readParameters(
  weights: WeightSource,
  config: VisionModelConfig,
  { quantize }: ReadOptions = {},
): Record<string, HostTensor> {
  requireWeights("readParameters", weights);
  requireConfig("readParameters", config);
  refuseQuantizedTensors(weights.names);
  const stored = unwrapped(weights);
  const names = namesIn(stored, config);
  const { hiddenSize: C, intermediateSize: hidden } = config;
  const parameters: Record<string, HostTensor> = {};
  const reads = new Set<string>();
  const read: ReadTensor = (name, shape) => {
    reads.add(name);
    return checkedTensor(stored, name, shape);
  };

  // A tensor that several parameters share is read once, then cut into parts.
  let shared: { name: string; tensor: HostTensor } | undefined;
  const readPlace = (place: Place, suffix: "weight" | "bias", shape: Shape): HostTensor => {
    if (typeof place === "string") return read(`${place}.${suffix}`, shape);
    if (suffix === "bias" && place.bias !== undefined) return read(place.bias, shape);
    const name = `${place.name}.${suffix}`;
    if (shared?.name !== name) shared = { name, tensor: read(name, [place.of * shape[0]!, ...shape.slice(1)]) };
    return partOfTensor(shared.tensor, place.part * sizeOf(shape), shape);
  };
  /** Linear layers of one shape. All weights are read before the biases, so that a shared tensor is read once. */
  const linears = (layers: readonly { key: string; place: Place; bias?: boolean }[], O: number, I: number) => {
    for (const suffix of ["weight", "bias"] as const)
      for (const { key, place, bias = true } of layers)
        if (bias || suffix === "weight")
          parameters[`${key}.${suffix}`] = readPlace(place, suffix, suffix === "weight" ? [O, I] : [O]);
  };
  /** Quantises the weights of linear layers, if that is asked for. Layer scale must be in them already. */
  const settle = (layers: LinearPlace, ...keys: readonly string[]) => {
    if (quantize === undefined) return;
    const quantized = quantizerOf(quantize);
    for (const name of keys.map((key) => `${key}.weight`)) {
      const weight = parameters[name];
      if (weight) parameters[name] = quantized(weight, layers);
    }
    shared = undefined;
  };
  const head = (key: string, place: Place, O: number, I: number, bias = true) => {
    linears([{ key, place, bias }], O, I);
    settle("head", key);
  };
  const norm = (key: string, place: Place, width = C) => {
    for (const suffix of ["weight", "bias"] as const)
      parameters[`${key}.${suffix}`] = readPlace(place, suffix, [width]);
  };

  /** Of the query's layer only what it makes of the probe is kept. */
  const attentionPool = ({ probe, ...places }: AttentionPoolNames) => {
    const { pooledLayers, poolTensor, probeQuery } = otherModels();
    if (!stored.names.some((name) => poolTensor(names).test(name)))
      throw new PptError(
        "INVALID_WEIGHTS",
        `weights: the head that pools by attention is missing ('${stored.storedName(probe)}' and others): load the whole checkpoint, or say in config.json that it has none (SigLIP: "vision_use_head": false)`,
      );
    const key = (part: string) => `attentionPool.${part}`;
    const at = (part: keyof typeof places) => ({ key: key(part), place: places[part] });
    linears([at("query"), at("key"), at("value")], C, C);
    const of = (suffix: string) => parameters[key(`query.${suffix}`)]!;
    parameters[key("query")] = probeQuery(read(probe, [1, 1, C]), of("weight"), of("bias"));
    for (const suffix of ["weight", "bias"]) delete parameters[key(`query.${suffix}`)];
    linears([at("output")], C, C);
    norm(key("norm2"), places.norm2);
    linears([at("fc1")], hidden, C);
    linears([at("fc2")], C, hidden);
    settle("block", ...pooledLayers.map(key));
  };

  Object.assign(parameters, stemParameters(config, read));
  const patch = read(`${names.patchEmbedding}.weight`, patchEmbeddingShape(config, "stored"));
  parameters["patchEmbedding.weight"] = partOfTensor(patch, 0, patchEmbeddingShape(config, "flat"));
  settle("patchEmbedding", "patchEmbedding");
  if (config.patchBias !== false) parameters["patchEmbedding.bias"] = read(`${names.patchEmbedding}.bias`, [C]);
  parameters.positions = positionTable(read, names, config);
  if (config.inputNorm) norm("inputNorm", names.inputNorm);

  for (let layer = 0; layer < config.layers; layer++) {
    const at = (part: BlockPart) => ({ key: `blocks.${layer}.${part}`, place: placeOf(names, layer, part) });
    const normOf = (part: BlockPart) => norm(at(part).key, at(part).place);
    normOf("norm1");
    const layersOf = (parts: readonly BlockLayer[], O: number, I: number) =>
      linears(
        parts.map((part) => ({ ...at(part), bias: hasBias(config, part) })),
        O,
        I,
      );
    layersOf(["query", "key", "value"], C, C);
    if (config.rotary?.pairs === "neighbours")
      for (const part of ["query", "key"] as const) pairHalves(parameters, at(part).key, config.heads);
    layersOf(["output"], C, C);
    normOf("norm2");
    layersOf(config.mlp === "swiglu" ? ["gate", "fc1"] : ["fc1"], hidden, C);
    if (config.mlpNorm) norm(at("mlpNorm").key, at("mlpNorm").place, hidden);
    layersOf(["fc2"], C, hidden);
    const scales = config.layerScale
      ? names.layerScale.map((name) => read(`${blockPath(names, layer)}${name}`, [C]).data)
      : [];
    for (const [i, part] of (["output", "fc2"] as const).entries()) {
      const { key, place } = at(part);
      const storedName = stored.storedName(typeof place === "string" ? place : place.name);
      scaleRows(parameters, key, storedName, config, scales[i]);
    }
    settle("block", ...linearParts.map((part) => `blocks.${layer}.${part}`));
  }

  norm("norm", names.norm);
  if (config.pooling === "attention") attentionPool(otherModels().poolNames(names));
  const labels = config.labels.length;
  const features = config.pooling === "class+mean" ? 2 * C : C;
  if (labels > 0) head("head", names.head, labels, features);
  if (config.distillationHead) head("distillationHead", names.distillationHead, labels, C);
  if (config.denseHead && labels > 0) head("denseHead", names.denseHead, labels, C);
  // The config leaves this head out on purpose, so its tensors are no error.
  if (config.denseHead === false) for (const suffix of ["weight", "bias"]) reads.add(`${names.denseHead}.${suffix}`);
  if (config.attentionPool === false) {
    const pool = otherModels().poolTensor(names);
    for (const name of stored.names) if (pool.test(name)) reads.add(name);
  }
  if (config.projection) head("projection", names.projection, config.projection, C, false);
  if (config.depth) Object.assign(parameters, otherModels().depthParameters(config, read));
  refuseUnread(stored, reads, names, config);
  return parameters;
}

const linearParts: readonly BlockLayer[] = ["query", "key", "value", "output", "gate", "fc1", "fc2"];

/** @throws PptError INVALID_WEIGHTS if blocks under these names have no such part */
function placeOf(names: Names, layer: number, part: BlockPart): Place {
  const place = blockPlace(names, layer, part);
  if (place !== undefined) return place;
  throw new PptError(
    "INVALID_WEIGHTS",
    `weights: the config asks for '${part}' in each block, and checkpoints with names like '${blockPath(names, layer)}' have none: the config belongs to another model`,
  );
}

/** `headsFit`, for models whose code is here: see at-once.ts. */
export function headsFit(weights: WeightSource, config: VisionModelConfig): boolean {
  const stored = unwrapped(weights);
  const { head, distillationHead, denseHead } = namesIn(stored, config);
  const { labels, hiddenSize: C } = config;
  if (labels.length === 0) return true;
  const fits = (name: string, features: number) =>
    [`${name}.weight`, `${name}.bias`].every((tensor, i) => {
      const shape = stored.has(tensor) ? stored.read(tensor).shape : [];
      return sameShape(shape, i === 0 ? [labels.length, features] : [labels.length]);
    });
  return (
    fits(head, config.pooling === "class+mean" ? 2 * C : C) &&
    (!config.distillationHead || fits(distillationHead, C)) &&
    (!config.denseHead || fits(denseHead, C))
  );
}

/** How many tensors the error about unread tensors names. */
const unreadShown = 3;

/** An unread tensor, such as a norm of queries or a block too many, means that the checkpoint is another network. */
function refuseUnread(
  stored: UnwrappedWeights,
  reads: ReadonlySet<string>,
  { blocks }: Names,
  config: VisionModelConfig,
): void {
  const unread = unreadTensors(
    stored,
    reads,
    config.labels.length > 0 || config.projection !== undefined || !!config.depth,
  );
  if (unread.length === 0) return;
  const beyond = unread.find((name) => {
    const [, behind] = name.split(`${blocks}.`);
    return behind !== undefined && Number.parseInt(behind, 10) >= config.layers;
  });
  if (beyond)
    throw new PptError(
      "INVALID_WEIGHTS",
      `weights: tensor '${beyond}' belongs to a block beyond the config's ${config.layers}`,
    );
  const named = unread.slice(0, unreadShown).map((name) => `'${name}'`);
  const others = unread.length > unreadShown ? ` and ${unread.length - unreadShown} more` : "";
  throw new PptError(
    "INVALID_WEIGHTS",
    `weights: the model that the config describes does not use ${named.join(", ")}${others}: the config belongs to another model, or lacks the field that asks for them`,
  );
}

/**
 * Multiplies the rows of a linear layer by layer scale [C], and divides the layer by the divisor of residuals.
 * @throws PptError INVALID_WEIGHTS where a product is beyond float32, possibly when the tensor is read
 */
function scaleRows(
  parameters: Record<string, HostTensor>,
  key: string,
  storedName: string,
  { residualDivisor = 1 }: VisionModelConfig,
  layerScale: Float32Array | undefined,
): void {
  if (!layerScale && residualDivisor === 1) return;
  for (const suffix of ["weight", "bias"]) {
    const name = `${key}.${suffix}`;
    if (!parameters[name]) continue;
    const { shape } = parameters[name];
    const width = sizeOf(shape.slice(1));
    parameters[name] = derivedTensor(parameters[name], shape, (data) => {
      // The tensor may be a view of the file, so a copy is scaled.
      const scaled = data.slice();
      for (let row = 0; row < shape[0]!; row++) {
        const factor = (layerScale?.[row] ?? 1) / residualDivisor;
        for (let i = row * width; i < (row + 1) * width; i++) scaled[i]! *= factor;
      }
      requireFinite(`${storedName}.${suffix}`, scaled, " once layer scale is multiplied in");
      return scaled;
    });
  }
}

/**
 * Moves the rows of a projection so that channels that were neighbours in a head lie half a head apart. Products of queries and keys
 * stay the same if both are moved.
 */
function pairHalves(parameters: Record<string, HostTensor>, key: string, heads: number): void {
  for (const name of [`${key}.weight`, `${key}.bias`]) {
    const given = parameters[name];
    if (!given) continue;
    const { shape } = given;
    const d = shape[0]! / heads;
    const width = sizeOf(shape.slice(1));
    parameters[name] = derivedTensor(given, shape, (data) => {
      const moved = new Float32Array(data.length);
      for (let row = 0; row < shape[0]!; row++) {
        const [head, i] = [Math.floor(row / d), row % d];
        const from = head * d + (i < d / 2 ? 2 * i : 2 * (i - d / 2) + 1);
        moved.set(data.subarray(from * width, (from + 1) * width), row * width);
      }
      return moved;
    });
  }
}

/**
 * positions [N, C]: one row for each token, first the class, distillation and register tokens, then the patches. The rows of
 * special tokens hold the token itself plus its position. The stored table has rows for the first `positionedTokens` special
 * tokens and for the patches. Without a stored table the positions are zeros.
 */
function positionTable(read: ReadTensor, names: Names, config: VisionModelConfig): HostTensor {
  const { hiddenSize: C, registerTokens: registers = 0, classToken, distillationToken } = config;
  const special = specialTokens(config);
  const { positionedTokens: positioned = special - registers } = config;
  const stored = config.positionGrid ?? patchGrid(config);
  const patches = stored[0] * stored[1];
  const tokens = [
    ...(classToken === false ? [] : [names.classToken]),
    ...(distillationToken ? [names.distillationToken] : []),
  ].map((name) => read(name, [1, 1, C]).data);
  const out = new Float32Array(tokenCount(config) * C);
  tokens.forEach((token, row) => void out.set(token, row * C));
  if (registers > 0) out.set(read(names.registerTokens, [1, registers, C]).data, tokens.length * C);
  if (config.positionTable === false) return { shape: [tokenCount(config), C], data: out };
  const table = read(names.positions, [1, positioned + patches, C]).data;
  for (let i = 0; i < positioned * C; i++) out[i]! += table[i]!;
  out.set(resized(table.subarray(positioned * C), stored, config, positioned), special * C);
  return { shape: [tokenCount(config), C], data: out };
}

/** The patches' rows for this config's grid. In the stored table `positioned` special tokens precede them. */
function resized(table: Float32Array, stored: Grid, config: VisionModelConfig, positioned: number): Float32Array {
  const grid = patchGrid(config);
  if (grid[0] === stored[0] && grid[1] === stored[1]) return table;
  const { hiddenSize: C, positionInterpolation = "bicubic" } = config;
  const { interpolatePositions, sinusoids } = otherModels();
  if (positionInterpolation === "sinusoid")
    return sinusoids(positioned + grid[0] * grid[1], C).data.subarray(positioned * C);
  return interpolatePositions(table, stored, grid, positionInterpolation);
}

/** Tensors of fewer bytes are kept: reading them again would take time and save little memory. */
const largeBytes = 2 ** 16;

/**
 * A tensor of the checkpoint. Its values are checked now. A large one from a file is not kept in memory: it is read again
 * where a backend takes its values.
 * @throws PptError INVALID_WEIGHTS
 */
function checkedTensor(weights: UnwrappedWeights, name: string, shape: Shape): HostTensor {
  const stored = weights.storedName(name);
  if (!weights.has(name)) throw new PptError("INVALID_WEIGHTS", `weights: tensor '${stored}' is missing`);
  const brief = weights.readBriefly?.(name);
  const tensor = brief ?? weights.read(name);
  const { data } = tensor;
  // Libraries differ: a class token is [1, 1, C] or [C], a table of positions [1, N, C] or [N, C].
  if (!sameShape(withoutOnes(tensor.shape), withoutOnes(shape)) || data.length !== sizeOf(shape))
    throw new PptError(
      "INVALID_WEIGHTS",
      `weights: tensor '${stored}' has shape ${showShape(tensor.shape)}, the config asks for ${showShape(shape)}`,
    );
  requireFinite(stored, data);
  if (!brief) return { shape, data };
  if (data.byteLength < largeBytes) return { shape, data: data.slice() };
  return lazyTensor(shape, {
    keep: () => weights.read(name).data,
    brief: () => (weights.readBriefly?.(name) ?? weights.read(name)).data,
  });
}

/** The shape without its leading dimensions of length 1. */
const withoutOnes = (shape: Shape): Shape =>
  shape.slice(
    Math.max(
      0,
      shape.findIndex((n) => n !== 1),
    ),
  );

function requireFinite(name: string, data: Float32Array, when = ""): void {
  // A plain loop: findIndex with a callback takes ten times as long, and a checkpoint has up to 300 M values.
  for (let i = 0; i < data.length; i++)
    if (!Number.isFinite(data[i]!))
      throw new PptError("INVALID_WEIGHTS", `weights: tensor '${name}' holds ${data[i]} at element ${i}${when}`);
}
