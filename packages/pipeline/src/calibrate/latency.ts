/**
 * A table of what tokens cost on this device: the time that a block saves at each number of tokens, steps of its kernels included, and
 * the time of each step of a stage. The model itself is measured, with one stage in it, in turns with the unreduced one, so that a busy
 * machine slows both alike.
 */

import {
  type Backend,
  type QuantizedDtypeName,
  type ReductionConfig,
  specialTokens,
  tokenCount,
  type VisionModelConfig,
} from "@ppt-vit/core";
import { createVisionModel } from "@ppt-vit/core/loading";
import { check, object, positive } from "@ppt-vit/core/options";
import type { Checkpoint } from "../checkpoint/checkpoint.js";
import { median } from "../statistics.js";
import { lastBlock, mlpShare } from "./block-shares.js";
import { pooling, reductionOf, type Step, stepsOf } from "./steps.js";

/** What a latency was measured for. A table serves no other. */
export interface LatencyIdentity {
  /** See `modelFingerprint`. */
  readonly fingerprint: string;
  readonly backend: string;
  readonly dtype: string;
  /** Pictures per run: a table for one of them says nothing about eight. */
  readonly batch: number;
  /** The machine, in words. */
  readonly device: string;
}

export interface LatencyTable extends LatencyIdentity {
  readonly version: 1;
  /** Of one image, unreduced: the time of a run divided by its images. */
  readonly unreducedMs: number;
  /** How much less time one block takes for one image with so many tokens, most tokens first. */
  readonly blocks: readonly { readonly tokens: number; readonly savedMs: number }[];
  /** What a step adds for one image, at two numbers of tokens that enter. */
  readonly steps: readonly {
    readonly kind: string;
    readonly at: readonly { readonly tokens: number; readonly ms: number }[];
  }[];
}

/** The name of all steps that compute the same, whatever their counts and thresholds are. */
export function kindOf({ policy, threshold, score = "mean" }: Step): string {
  const how = threshold === undefined ? "" : typeof threshold === "string" ? ` ${threshold}` : " by image";
  // Pooling reads no score.
  return how === " pool" ? `${policy}${how}` : `${policy}${how}, ${score}`;
}

/** The time that a block saves at so many tokens, between the two entries that are nearest. */
export const savedAt = ({ blocks }: LatencyTable, tokens: number): number =>
  interpolated(
    blocks.map((entry) => [entry.tokens, entry.savedMs]),
    tokens,
  );

/** The time of a step. One that was not measured, as of a policy to compare with, counts like the dearest. */
export function stepAt({ steps }: LatencyTable, kind: string, tokens: number): number {
  const known = steps.filter((step) => step.kind === kind);
  const times = (known.length > 0 ? known : steps).map(({ at }) =>
    interpolated(
      at.map((entry) => [entry.tokens, entry.ms]),
      tokens,
    ),
  );
  return Math.max(0, ...times);
}

/** Linear between points that are ordered by falling x, and beyond their ends. */
function interpolated(points: readonly (readonly [x: number, y: number])[], x: number): number {
  if (points.length < 2) return points[0]?.[1] ?? 0;
  const next = points.findIndex(([at]) => at <= x);
  const i = next < 0 ? points.length - 1 : Math.max(1, next);
  const [[x0, y0], [x1, y1]] = [points[i - 1]!, points[i]!];
  return x0 === x1 ? y0 : y0 + ((x - x0) * (y1 - y0)) / (x1 - x0);
}

/** The step that leaves any number of tokens, so that times at all of them can be compared. */
const dropping: Step = { policy: "top-k" };

/** About how many numbers of tokens are measured. */
const mostCounts = 12;
/**
 * Turns of each model, after one run that is not counted: as many as fit into the time. A step takes a hundredth of a run or two, which the
 * median of few turns does not tell from noise.
 */
const turns = { least: 5, most: 12, withinMs: 1500 };

export interface LatencyOptions {
  readonly quantize: QuantizedDtypeName | undefined;
  readonly identity: LatencyIdentity;
  readonly signal: AbortSignal | undefined;
  /** Called after each of `total` models. */
  readonly onModel?: ((done: number, total: number) => void) | undefined;
}

/** [B, channels, H, W] pixels, whose values do not matter. */
const inputOf = ({ channels, imageSize: [H, W] }: VisionModelConfig, batch: number) =>
  Float32Array.from({ length: batch * channels * H * W }, (_, i) => Math.sin(0.37 * i));

/** Measures a table. The two groups of models below differ in where the stage is, and so tell a block's time from the stage's. */
export async function measureLatencies(
  { config, weights }: Pick<Checkpoint, "config" | "weights">,
  backend: Backend,
  { quantize, identity, signal, onModel }: LatencyOptions,
): Promise<LatencyTable> {
  const { batch } = identity;
  const pixelValues = inputOf(config, batch);
  const unreduced = await createVisionModel({ config, weights, backend, quantize });
  const unreducedTimes: number[] = [];
  const time = async (model: { run(input: { pixelValues: Float32Array; batch: number }): Promise<unknown> }) => {
    signal?.throwIfAborted();
    const begun = performance.now();
    await model.run({ pixelValues, batch });
    return (performance.now() - begun) / batch;
  };
  /** The time of a reduced model as a share of the unreduced one's: the median over turns that follow each other. */
  async function shareOf(reduction: ReductionConfig): Promise<number> {
    const model = await createVisionModel({ config, weights, backend, quantize, reduction });
    try {
      await time(model);
      const shares: number[] = [];
      const begun = performance.now();
      const isOver = (turn: number) => turn >= turns.least && performance.now() - begun > turns.withinMs;
      for (let turn = 0; turn < turns.most && !isOver(turn); turn++) {
        const whole = await time(unreduced);
        unreducedTimes.push(whole);
        shares.push((await time(model)) / whole);
      }
      return median(shares);
    } finally {
      await model.dispose();
    }
  }

  const N = tokenCount(config);
  const { counts, late, kinds } = planOf(config);
  const total = 2 * counts.length + 2 * kinds.length;
  let done = 0;
  const measured = async (reduction: ReductionConfig) => {
    const share = await shareOf(reduction);
    onModel?.(++done, total);
    return share;
  };
  try {
    await time(unreduced);
    const at = (layer: number, tokens: number, step: Step = dropping) =>
      reductionOf([{ layer, removed: N - tokens, step }]);
    const early: number[] = [];
    const lateShares: number[] = [];
    for (const tokens of counts) {
      early.push(await measured(at(0, tokens)));
      lateShares.push(await measured(at(late, tokens)));
    }
    // Each step where all tokens enter, and where about half of them do: a number that was measured above.
    const half = counts.reduce((best, one) => (Math.abs(one - N / 2) < Math.abs(best - N / 2) ? one : best));
    const steps: { kind: string; whole: number; halved: number; removed: readonly [number, number] }[] = [];
    for (const step of kinds) {
      const removed = [Math.max(1, Math.floor(0.3 * N)), Math.max(1, Math.floor(0.3 * half))] as const;
      const whole = await measured(at(late, N - removed[0], step));
      const halved = await measured(
        reductionOf([
          { layer: 0, removed: N - half, step: dropping },
          { layer: late, removed: removed[1], step },
        ]),
      );
      steps.push({ kind: kindOf(step), whole, halved, removed });
    }
    const unreducedMs = median(unreducedTimes);
    return tableOf(config, { identity, unreducedMs, counts, early, late: lateShares, lateLayer: late, half, steps });
  } finally {
    await unreduced.dispose();
  }
}

/** The numbers of tokens, the late block, and the kinds of steps that are measured. */
function planOf(config: VisionModelConfig) {
  const N = tokenCount(config);
  const special = specialTokens(config);
  const least = special + Math.max(2, Math.round(0.1 * (N - special)));
  const number = Math.min(mostCounts, N - least);
  const counts = Array.from({ length: number }, (_, i) => Math.round(N - ((i + 1) * (N - least)) / number));
  const kinds = new Map(stepsOf(config, 1).map((step) => [kindOf(step), step]));
  return { counts, late: config.layers >> 1, kinds: kinds.size > 0 ? [...kinds.values()] : [pooling] };
}

interface Measured {
  readonly identity: LatencyIdentity;
  readonly unreducedMs: number;
  readonly counts: readonly number[];
  /** Times as shares of the unreduced one: of models that prune in block 0, and of those that prune in a late block. */
  readonly early: readonly number[];
  readonly late: readonly number[];
  readonly lateLayer: number;
  readonly half: number;
  readonly steps: readonly {
    readonly kind: string;
    readonly whole: number;
    readonly halved: number;
    readonly removed: readonly [number, number];
  }[];
}

/**
 * With d(n) saved by a block of n tokens, m the late block, and the same step in both models:
 * late - early = m d(n). So the step's own time drops out.
 */
export function tableOf(config: VisionModelConfig, given: Measured): LatencyTable {
  const { identity, unreducedMs, counts, early, late, lateLayer, half, steps } = given;
  const N = tokenCount(config);
  const ms = (share: number) => share * unreducedMs;
  // A block with fewer tokens is never slower. What noise says otherwise is drawn to its neighbours.
  const saved = ascending(counts.map((_, i) => Math.max(0, ms(late[i]! - early[i]!) / Math.max(1, lateLayer))));
  const blocks = [{ tokens: N, savedMs: 0 }, ...counts.map((tokens, i) => ({ tokens, savedMs: saved[i]! }))];
  const table: LatencyTable = { version: 1, ...identity, unreducedMs, blocks, steps: [] };
  const share = mlpShare(config);
  const behind = (layer: number) => config.layers - 2 - layer + lastBlock(config);
  /** What a stage in a block saves in this block's MLP and in all blocks behind it. */
  const savings = (layer: number, from: number, to: number) => {
    const less = savedAt(table, to) - savedAt(table, from);
    return (share + behind(layer)) * less;
  };
  // The dropping of the first group: the median over all counts.
  const pruning = median(counts.map((tokens, i) => ms(early[i]!) - unreducedMs + savings(0, N, tokens)));
  return {
    ...table,
    steps: steps.map(({ kind, whole, halved, removed }) => {
      const atWhole = ms(whole) - unreducedMs + savings(lateLayer, N, N - removed[0]);
      const before = unreducedMs - savings(0, N, half) + Math.max(0, pruning);
      const atHalf = ms(halved) - before + savings(lateLayer, half, half - removed[1]);
      return {
        kind,
        at: [
          { tokens: N, ms: Math.max(0, atWhole) },
          { tokens: half, ms: Math.max(0, Math.min(atHalf, atWhole)) },
        ],
      };
    }),
  };
}

/** The nearest series that never falls, by pooling neighbours that do. */
function ascending(values: readonly number[]): number[] {
  const pools: { sum: number; count: number }[] = [];
  for (const value of values) {
    let pool = { sum: value, count: 1 };
    for (let last = pools.at(-1); last && last.sum / last.count > pool.sum / pool.count; last = pools.at(-1)) {
      pool = { sum: pool.sum + last.sum, count: pool.count + last.count };
      pools.pop();
    }
    pools.push(pool);
  }
  return pools.flatMap(({ sum, count }) => Array.from({ length: count }, () => sum / count));
}

const listOf = (value: unknown, least: number, fits: (entry: Record<string, unknown>) => boolean): boolean =>
  Array.isArray(value) &&
  value.length >= least &&
  value.length <= 1000 &&
  value.every((one) => object.holds(one) && fits(one));
const amount = (value: unknown): boolean => typeof value === "number" && value >= 0 && value < 1e9;
const isText = (value: unknown): boolean => typeof value === "string" && value.length <= 1000;

/** A table as `calibrate` gives it, or as a file kept it. */
export const latencyTableCheck = check("a table of latencies, as calibrate() makes it", (value) => {
  if (!object.holds(value)) return false;
  const { version, unreducedMs, blocks, steps, batch, ...names } = value as Record<string, unknown>;
  const falls = (entries: unknown) =>
    (entries as { tokens: number }[]).every(({ tokens }, i, all) => i === 0 || tokens < all[i - 1]!.tokens);
  return (
    version === 1 &&
    positive.holds(unreducedMs) &&
    positive.holds(batch) &&
    ["fingerprint", "backend", "dtype", "device"].every((name) => isText(names[name])) &&
    listOf(blocks, 2, ({ tokens, savedMs }) => positive.holds(tokens) && amount(savedMs)) &&
    falls(blocks) &&
    listOf(
      steps,
      1,
      ({ kind, at }) =>
        isText(kind) && listOf(at, 2, (one) => positive.holds(one.tokens) && amount(one.ms)) && falls(at),
    )
  );
});

/** Whether a table was measured for this. */
export const isFor = (table: LatencyTable, identity: LatencyIdentity): boolean =>
  (Object.keys(identity) as (keyof LatencyIdentity)[]).every((name) => table[name] === identity[name]);
