/** The model of a cell: a geometry with random weights, or a checkpoint. */
import {
  PptError,
  type ReductionConfig,
  randomWeights,
  type VisionModelConfig,
  type WeightSource,
  weightsFrom,
} from "@ppt-vit/core";
import { readCheckpoint, resolveReduction, sourceKind } from "@ppt-vit/pipeline";
import { withDownloads } from "../../flags/model-options.js";
import { geometryConfig, geometryJson, geometryNames } from "./geometries.js";
import { type ReductionName, reductionFor, type WantedReduction } from "./reductions.js";

/** What a contender is given to run. */
export interface BenchModel {
  /** As `--models` names it. */
  readonly source: string;
  readonly config: VisionModelConfig;
  readonly weights: WeightSource;
  readonly reduction: ReductionConfig | undefined;
  /** `config.json` of a geometry; undefined for a checkpoint, which has its own on disk. */
  readonly geometry: Readonly<Record<string, unknown>> | undefined;
}

/** @throws PptError INVALID_OPTION unless `name` is a geometry, `demo`, a path or an id of the Hub. */
export function requireModelName(name: string): void {
  if (geometryNames.includes(name)) return;
  try {
    sourceKind(name);
  } catch (cause) {
    const { message } = cause as PptError;
    throw new PptError("INVALID_OPTION", `${message}; geometries are ${geometryNames.join(", ")}`, { cause });
  }
}

/** Brings a model of the Hub into the cache, so that no measured process waits for the network. */
export async function fetchModel(name: string): Promise<void> {
  if (geometryNames.includes(name) || sourceKind(name) !== "hub") return;
  await withDownloads(name, {}, (loading) => readCheckpoint(name, loading));
}

/**
 * A geometry by name, `demo`, a checkpoint folder or a model of the Hub, with the reduction that `policy` stands for, or with the
 * settings that were given for it. A geometry takes settings of any checkpoint, because speed does not depend on weights.
 * @throws PptError INVALID_OPTION, INVALID_REDUCTION, and what reading a checkpoint throws
 */
export async function openModel(source: string, { policy, reduction: given }: WantedReduction): Promise<BenchModel> {
  const named = policy as ReductionName;
  const config = geometryConfig(source);
  if (config) {
    const weights = weightsFrom(randomWeights(config, 1));
    const reduction = given ? withoutModel(given) : reductionFor(named, config);
    return { source, config, weights, reduction, geometry: geometryJson(source) };
  }
  requireModelName(source);
  const checkpoint = await readCheckpoint(source);
  const { config: read, weights, reduction: own } = checkpoint;
  const reduction = given ? resolveReduction(checkpoint, given) : reductionFor(named, read, own);
  return { source, config: read, weights, reduction, geometry: undefined };
}

const withoutModel = ({ model: _, ...reduction }: ReductionConfig): ReductionConfig => reduction;
