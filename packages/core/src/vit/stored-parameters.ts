/** The way back from the program's parameters to the tensors of a checkpoint, for weights that were trained. */
import { requireConfig, requireWeights } from "../arguments.js";
import { PptError } from "../errors.js";
import type { HostTensor, Tensors } from "../seam.js";
import { sizeOf } from "../shape.js";
import { poolNames } from "./attention-pool.js";
import { patchGrid, specialTokens, type VisionModelConfig } from "./config.js";
import { namesIn } from "./find-names.js";
import { type AttentionPoolNames, type BlockPart, blockPath, blockPlace, type Names, type Place } from "./names.js";
import { type UnwrappedWeights, unwrapped, type WeightSource } from "./stored-names.js";

/** Parameters under the name that their tensor has in the table of names. */
const wholes = ["norm", "inputNorm", "head", "distillationHead", "denseHead", "projection", "patchEmbedding"] as const;
const wholeNames: readonly string[] = wholes.flatMap((key) => [`${key}.weight`, `${key}.bias`]);

const blockName = /^blocks\.(\d+)\.(\w+)\.(weight|bias)$/;
const poolName = /^attentionPool\.(\w+)\.(weight|bias)$/;

/**
 * Whether the checkpoint has a place for a parameter of the program. It has none for what is computed: positions of another grid or
 * without a stored table, the probe's query, the stem and the depth head.
 */
export function isStoredParameter(name: string, config: VisionModelConfig): boolean {
  if (name === "positions") {
    const [rows, columns] = patchGrid(config);
    const [storedRows, storedColumns] = config.positionGrid ?? [rows, columns];
    return config.positionTable !== false && rows === storedRows && columns === storedColumns;
  }
  return wholeNames.includes(name) || blockName.test(name) || poolName.test(name);
}

/** `storedParameters`, for models whose code is here: see at-once.ts. */
export function storedParameters(
  weights: WeightSource,
  config: VisionModelConfig,
  parameters: Tensors<HostTensor>,
): Record<string, HostTensor> {
  requireWeights("storedParameters", weights);
  requireConfig("storedParameters", config);
  const stored = unwrapped(weights);
  const names = namesIn(stored, config);
  const changed: Record<string, HostTensor> = {};

  /** The stored tensor, as a copy that may be changed. */
  const opened = (name: string): Float32Array => {
    const key = stored.storedName(name);
    const tensor = stored.read(name);
    changed[key] ??= { shape: tensor.shape, data: tensor.data.slice() };
    return changed[key].data;
  };
  const put = (place: Place, suffix: string, values: Float32Array): void => {
    if (typeof place === "string") opened(`${place}.${suffix}`).set(values);
    else if (suffix === "bias" && place.bias !== undefined) opened(place.bias).set(values);
    else opened(`${place.name}.${suffix}`).set(values, place.part * values.length);
  };

  for (const [name, { shape, data }] of Object.entries(parameters)) {
    if (!isStoredParameter(name, config))
      throw new PptError("INVALID_INPUT", `storedParameters: the checkpoint has no place for '${name}'`);
    if (name === "positions") {
      putPositions(data, stored, names, config, opened);
      continue;
    }
    const block = blockName.exec(name);
    const pool = poolName.exec(name);
    if (block) {
      const [, layer, part, suffix] = block as unknown as [string, string, BlockPart, string];
      const place = blockPlace(names, Number(layer), part)!;
      const values = unfolded(data, sizeOf(shape.slice(1)), part, stored, names, config, Number(layer), () =>
        partOf(stored, place, suffix, data.length),
      );
      put(place, suffix, values);
    } else if (pool) {
      const [, part, suffix] = pool as unknown as [string, Exclude<keyof AttentionPoolNames, "probe">, string];
      put(poolNames(names)[part], suffix, data);
    } else {
      const [key, suffix] = name.split(".") as [(typeof wholes)[number], string];
      put(names[key], suffix, data);
    }
  }
  return changed;
}

/** What is stored at a place now. */
function partOf(stored: UnwrappedWeights, place: Place, suffix: string, length: number): Float32Array {
  if (typeof place === "string") return stored.read(`${place}.${suffix}`).data;
  if (suffix === "bias" && place.bias !== undefined) return stored.read(place.bias).data;
  const start = place.part * length;
  return stored.read(`${place.name}.${suffix}`).data.subarray(start, start + length);
}

/** Values of a part of a block without layer scale and divisor, and with its rows in the stored order. */
function unfolded(
  data: Float32Array,
  width: number,
  part: BlockPart,
  stored: UnwrappedWeights,
  names: Names,
  config: VisionModelConfig,
  layer: number,
  before: () => Float32Array,
): Float32Array {
  const { heads, hiddenSize, residualDivisor = 1, rotary, layerScale } = config;
  if ((part === "query" || part === "key") && rotary?.pairs === "neighbours") {
    const d = hiddenSize / heads;
    const moved = new Float32Array(data.length);
    for (let row = 0; row < hiddenSize; row++) {
      const [head, i] = [Math.floor(row / d), row % d];
      const to = head * d + (i < d / 2 ? 2 * i : 2 * (i - d / 2) + 1);
      moved.set(data.subarray(row * width, (row + 1) * width), to * width);
    }
    return moved;
  }
  if ((part !== "output" && part !== "fc2") || (!layerScale && residualDivisor === 1)) return data;
  const name = names.layerScale[part === "output" ? 0 : 1];
  const scale = layerScale ? stored.read(`${blockPath(names, layer)}${name}`).data : undefined;
  const old = before();
  return data.map((value, i) => {
    const factor = (scale?.[Math.floor(i / width)] ?? 1) / residualDivisor;
    return factor === 0 ? old[i]! : value / factor;
  });
}

/** Rows of special tokens hold the token plus its position. The token takes the change, and its position stays. */
function putPositions(
  data: Float32Array,
  stored: UnwrappedWeights,
  names: Names,
  config: VisionModelConfig,
  opened: (name: string) => Float32Array,
): void {
  const { hiddenSize: C, registerTokens: registers = 0, classToken, distillationToken } = config;
  const special = specialTokens(config);
  const { positionedTokens: positioned = special - registers } = config;
  const table = stored.read(names.positions).data;
  const tokens: [name: string, rows: number][] = [
    ...(classToken === false ? [] : ([[names.classToken, 1]] as [string, number][])),
    ...(distillationToken ? ([[names.distillationToken, 1]] as [string, number][]) : []),
    ...(registers > 0 ? ([[names.registerTokens, registers]] as [string, number][]) : []),
  ];
  let row = 0;
  for (const [name, rows] of tokens) {
    const values = opened(name);
    for (let i = 0; i < rows * C; i++) {
      const at = row * C + i;
      values[i] = data[at]! - (at < positioned * C ? table[at]! : 0);
    }
    row += rows;
  }
  opened(names.positions).set(data.subarray(special * C), positioned * C);
}
