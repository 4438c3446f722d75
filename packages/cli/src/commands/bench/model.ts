/** Models to measure: published geometries with seeded random weights, or a checkpoint. */
import {
  PptError,
  parseModelConfig,
  publishedReduction,
  type ReductionConfig,
  randomWeights,
  type VisionModelConfig,
  type WeightSource,
  weightsFrom,
} from "@ppt-vit/core";
import { readCheckpoint, sourceKind } from "@ppt-vit/pipeline";
import { withDownloads } from "../../flags/model-options.js";

/** The policies that are compared; `unreduced` is what the speedups refer to. */
export const policies = ["unreduced", "ppt", "prune", "pool"] as const;
export type BenchPolicy = (typeof policies)[number];

const deit = (hidden_size: number, num_attention_heads: number) => ({
  model_type: "vit",
  hidden_size,
  num_hidden_layers: 12,
  num_attention_heads,
  intermediate_size: 4 * hidden_size,
  image_size: 224,
  patch_size: 16,
  num_labels: 1000,
  layer_norm_eps: 1e-6,
});

/** `config.json` of DeiT at 224 px (Touvron et al., arXiv 2012.12877). */
const geometries = new Map([
  ["deit-ti", deit(192, 3)],
  ["deit-s", deit(384, 6)],
  ["deit-b", deit(768, 12)],
]);

export const geometryNames: readonly string[] = [...geometries.keys()];

/** Undefined where no geometry has this name. */
export function geometryConfig(name: string): VisionModelConfig | undefined {
  const geometry = geometries.get(name);
  return geometry && parseModelConfig(geometry);
}

export interface BenchModel {
  readonly config: VisionModelConfig;
  readonly weights: WeightSource;
  readonly reduction: ReductionConfig | undefined;
}

/** @throws PptError INVALID_OPTION unless `name` is a geometry, `demo`, a path or an id of the Hub. */
export function requireModelName(name: string): void {
  if (geometries.has(name)) return;
  try {
    sourceKind(name);
  } catch (cause) {
    const { message } = cause as PptError;
    throw new PptError("INVALID_OPTION", `${message}; geometries are ${geometryNames.join(", ")}`, { cause });
  }
}

/** Brings a model of the Hub into the cache, so that no measured process waits for the network. */
export async function fetchModel(name: string): Promise<void> {
  if (geometries.has(name) || sourceKind(name) !== "hub") return;
  await withDownloads(name, {}, (loading) => readCheckpoint(name, loading));
}

/**
 * A geometry by name, `demo`, a checkpoint folder or a model of the Hub, with the reduction of one policy.
 * @throws PptError INVALID_OPTION, and what reading a checkpoint throws
 */
export async function openModel(name: string, policy: BenchPolicy): Promise<BenchModel> {
  const geometry = geometryConfig(name);
  if (geometry)
    return { config: geometry, weights: weightsFrom(randomWeights(geometry, 1)), reduction: reductionFor(policy) };
  requireModelName(name);
  const { config, weights, reduction } = await readCheckpoint(name);
  return { config, weights, reduction: reductionFor(policy, reduction) };
}

/** The reduction of a policy, for a model whose own is `own`; where that is not PPT, its schedule is taken. */
export function reductionFor(
  policy: BenchPolicy,
  own: ReductionConfig = publishedReduction,
): ReductionConfig | undefined {
  if (policy === "unreduced") return undefined;
  const { layers, tokensRemoved } = own;
  const ppt = (own.policy ?? "ppt") === "ppt" ? own : { ...publishedReduction, layers, tokensRemoved };
  return policy === "ppt" ? ppt : { ...ppt, threshold: policy };
}
