/** Tests the table of latencies that a calibration searches by, on times that are known. */
import { modelCost, parseModelConfig, type ReductionConfig } from "@ppt-vit/core";
import { describe, expect, it } from "vitest";
import { lastBlock, mlpShare } from "../src/calibrate/block-shares.js";
import { latencyCosts } from "../src/calibrate/costs.js";
import {
  isFor,
  kindOf,
  type LatencyTable,
  latencyTableCheck,
  savedAt,
  stepAt,
  tableOf,
} from "../src/calibrate/latency.js";
import { fitPlan } from "../src/calibrate/plans.js";
import { stagesOf, stepsOf } from "../src/calibrate/steps.js";

const config = parseModelConfig({
  model_type: "vit",
  hidden_size: 192,
  num_hidden_layers: 12,
  num_attention_heads: 3,
  image_size: 224,
  patch_size: 16,
  num_labels: 48,
});
const identity = { fingerprint: "0", backend: "cpu", dtype: "fp32", batch: 1, device: "a machine" };

/** A device whose block takes so long, in ms, with a step at 96 tokens, as kernels have that work in panels. */
const blockMs = (tokens: number) => 0.2 + 0.004 * tokens + (tokens > 96 ? 0.1 : 0);
const stepMs: Record<string, number> = { "top-k": 0.04, pool: 0.5, diffrate: 0.3, prune: 0.05, image: 0.8 };
const timeOfStep = (kind: string, tokens: number) =>
  stepMs[Object.keys(stepMs).find((part) => kind.includes(part))!]! * (tokens / 197);

/** What the device would take, from the definition of a stage: attention of all tokens, the step, the MLP of those that stay. */
function truth(reduction: ReductionConfig | undefined): number {
  const { blocks } = modelCost(config, reduction);
  const share = mlpShare(config);
  let ms = 1;
  for (const { layer, attentionTokens, mlpTokens } of blocks) {
    const saved = (tokens: number) => blockMs(197) - blockMs(tokens);
    const whole = layer === config.layers - 1 ? lastBlock(config) : 1;
    ms += blockMs(197) - whole * ((1 - share) * saved(attentionTokens) + share * saved(mlpTokens));
  }
  for (const { layer, step } of reduction ? stagesOf(reduction) : [])
    ms += timeOfStep(kindOf(step), blocks[layer]!.attentionTokens);
  return ms;
}

const prune = stepsOf(config, 1).find(({ threshold }) => threshold === "prune")!;
const drop = { policy: "top-k" } as const;
const settings = (...stages: (readonly [layer: number, removed: number, step: object])[]) =>
  ({
    layers: stages.map(([layer]) => layer),
    tokensRemoved: stages.map(([, removed]) => removed),
    policy: stages.map(([, , step]) => (step as { policy: string }).policy),
    threshold: stages.map(([, , step]) => (step as { threshold?: unknown }).threshold ?? null),
    score: stages.map(([, , step]) => (step as { score?: string }).score ?? "mean"),
  }) as ReductionConfig;

function table(): LatencyTable {
  const unreducedMs = truth(undefined);
  const share = (reduction: ReductionConfig) => truth(reduction) / unreducedMs;
  const counts = Array.from({ length: 22 }, (_, i) => 189 - 8 * i);
  const half = 101;
  return tableOf(config, {
    ...{ identity, unreducedMs, counts, half, lateLayer: 6 },
    early: counts.map((tokens) => share(settings([0, 197 - tokens, drop]))),
    late: counts.map((tokens) => share(settings([6, 197 - tokens, drop]))),
    steps: stepsOf(config, 1).map((step) => ({
      kind: kindOf(step),
      whole: share(settings([6, 59, step])),
      halved: share(settings([0, 197 - half, drop], [6, 29, step])),
      removed: [59, 29],
    })),
  });
}

describe("a table of latencies", () => {
  it("gives the times of a device back: of blocks, with the steps of their kernels, and of the steps of a stage", () => {
    const measured = table();
    for (const tokens of [189, 149, 101, 93, 61])
      expect(savedAt(measured, tokens)).toBeCloseTo(blockMs(197) - blockMs(tokens), 9);
    for (const step of stepsOf(config, 1))
      for (const tokens of [197, 101, 150])
        expect(stepAt(measured, kindOf(step), tokens)).toBeCloseTo(timeOfStep(kindOf(step), tokens), 6);
    // One that was not measured counts like the dearest.
    expect(stepAt(measured, "theirs", 197)).toBeCloseTo(0.8, 6);
    const costs = latencyCosts(config, measured);
    expect(costs.of({ layers: [], tokensRemoved: 0, threshold: "pool" })).toBeCloseTo(truth(undefined), 9);
    const some = settings([2, 96, stepsOf(config, 1)[1]!], [6, 8, prune], [9, 8, { policy: "ppt", threshold: "pool" }]);
    expect(costs.of(some)).toBeCloseTo(truth(some), 6);
  });

  it("makes a plan that keeps a time, and leaves out a step that costs more than it saves", () => {
    const costs = latencyCosts(config, table());
    const pool = { policy: "ppt", threshold: "pool" } as const;
    const plan = fitPlan(costs, [{ layer: 3, removed: 60, step: prune }], 0.85 * costs.unreduced)!;
    expect(
      truth(settings(...plan.map(({ layer, removed, step }) => [layer, removed, step] as const))),
    ).toBeLessThanOrEqual(0.85 * costs.unreduced);
    const late = settings([10, 3, pool]);
    expect(costs.of(late)).toBeGreaterThan(costs.unreduced);
  });

  it("is never lower for more tokens, whatever noise measured", () => {
    const noisy = tableOf(config, {
      ...{ identity, unreducedMs: 10, counts: [150, 100, 50], half: 100, lateLayer: 6, steps: [] },
      ...{ early: [0.9, 0.95, 0.5], late: [0.95, 0.93, 0.8] },
    });
    const saved = noisy.blocks.map(({ savedMs }) => savedMs);
    expect(saved[0]).toBe(0);
    for (let i = 1; i < saved.length; i++) expect(saved[i]).toBeGreaterThanOrEqual(saved[i - 1]!);
  });

  it("is taken again only for what it was measured for, and read back only whole", () => {
    const measured = table();
    expect(isFor(measured, identity)).toBe(true);
    expect(isFor(measured, { ...identity, batch: 8 })).toBe(false);
    expect(isFor(measured, { ...identity, device: "another" })).toBe(false);
    const copy = () => JSON.parse(JSON.stringify(measured));
    expect(latencyTableCheck.holds(copy())).toBe(true);
    expect(latencyTableCheck.holds({ ...copy(), version: 2 })).toBe(false);
    expect(latencyTableCheck.holds({ ...copy(), unreducedMs: 0 })).toBe(false);
    expect(latencyTableCheck.holds({ ...copy(), blocks: copy().blocks.reverse() })).toBe(false);
    expect(latencyTableCheck.holds({ ...copy(), blocks: [] })).toBe(false);
    expect(latencyTableCheck.holds({ ...copy(), steps: [{ kind: "x", at: [{ tokens: 9, ms: -1 }] }] })).toBe(false);
    expect(latencyTableCheck.holds(null)).toBe(false);
  });
});
