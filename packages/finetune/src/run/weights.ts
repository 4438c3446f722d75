/** The weights that are trained, with what the optimiser and the average keep of them. On the host, so that they can be saved as they are. */
import type { HostTensor, Tensors } from "@ppt-vit/core/backend";
import type { Optimizer } from "../optimizers/optimizer.js";
import { isSmall } from "../subsets/subset.js";

export interface TrainedWeights {
  readonly values: Map<string, Float32Array>;
  readonly slots: Map<string, Record<string, Float32Array>>;
  /** The exponential average of the values; the values themselves without one. */
  readonly average: Map<string, Float32Array>;
}

export function startWeights(params: Tensors<HostTensor>, names: readonly string[], optimizer: Optimizer, ema: number) {
  const values = new Map(names.map((name) => [name, params[name]!.data.slice()]));
  const slots = new Map(
    names.map((name) => [
      name,
      Object.fromEntries(optimizer.slots.map((slot) => [slot, new Float32Array(values.get(name)!.length)])),
    ]),
  );
  return { values, slots, average: ema > 0 ? copyOf(values) : values } satisfies TrainedWeights;
}

export const copyOf = (values: ReadonlyMap<string, Float32Array>): Map<string, Float32Array> =>
  new Map([...values].map(([name, data]) => [name, data.slice()]));

export interface StepSettings {
  readonly optimizer: Optimizer;
  readonly learningRate: number;
  readonly weightDecay: number;
  /** Longest gradient, all parameters together; 0 for no limit. */
  readonly clip: number;
  readonly ema: number;
  /** From 1. */
  readonly step: number;
}

/** The Euclidean length of all gradients together. NaN or infinite if one of their values is. */
export function lengthOf(gradients: ReadonlyMap<string, Float32Array>): number {
  let sum = 0;
  for (const gradient of gradients.values()) for (let i = 0; i < gradient.length; i++) sum += gradient[i]! ** 2;
  return Math.sqrt(sum);
}

/** One step of the optimiser. @returns whether all values stayed finite */
export function updateWeights(
  { values, slots, average }: TrainedWeights,
  gradients: ReadonlyMap<string, Float32Array>,
  length: number,
  { optimizer, learningRate, weightDecay, clip, ema, step }: StepSettings,
): boolean {
  const factor = clip > 0 && length > clip ? clip / length : 1;
  // The average of few steps would otherwise be the start.
  const keep = Math.min(ema, (1 + step) / (10 + step));
  let finite = true;
  for (const [name, value] of values) {
    const gradient = factor === 1 ? gradients.get(name)! : gradients.get(name)!.map((g) => g * factor);
    const decay = isSmall(name) ? 0 : weightDecay;
    optimizer.update(value, gradient, slots.get(name)!, { learningRate, weightDecay: decay, step });
    const mean = average.get(name)!;
    for (let i = 0; i < value.length; i++) {
      if (mean !== value) mean[i] = keep * mean[i]! + (1 - keep) * value[i]!;
      if (!Number.isFinite(value[i]!)) finite = false;
    }
  }
  return finite;
}
