/** Tests the parts of a calibration: what is measured, which schedules are tried, and which trial is chosen. */
import { modelCost, parseModelConfig, type ReductionConfig } from "@ppt-vit/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { calibrationPage } from "../src/calibrate/report.js";
import {
  cheapest,
  costOf,
  countsOf,
  fitCounts,
  fitPattern,
  neighbours,
  patternsFor,
} from "../src/calibrate/schedules.js";
import { defaultBudgets, searchSettings } from "../src/calibrate/search.js";
import { bestClass, divergence, shareInterval } from "../src/calibrate/statistics.js";
import { chooseSettings, compareLoss, paretoFront, type Trial } from "../src/calibrate/trial.js";
import type { Calibration } from "../src/index.js";

const config = parseModelConfig({
  model_type: "vit",
  hidden_size: 192,
  num_hidden_layers: 12,
  num_attention_heads: 3,
  image_size: 224,
  patch_size: 16,
  num_labels: 48,
});

function trialOf(gmacs: number, loss: number, disagreements = 0, reduction: Partial<ReductionConfig> = {}): Trial {
  return {
    reduction: { layers: [3], tokensRemoved: 5, threshold: "pool", ...reduction },
    gmacs,
    latencyMs: 10 * gmacs,
    divergence: loss,
    disagreements,
    pictures: 64,
    spreads: [1, 2, 3, 4],
  };
}

const choices = (trials: Trial[]) =>
  ({ trials, unreduced: { gmacs: 1.2, latencyMs: 12 }, measure: "gmacs", objective: "divergence" }) as const;

describe("statistics", () => {
  it.each([
    [0, 64, 0, 0.05601],
    [1, 64, 0.0004, 0.084],
    [5, 10, 0.1871, 0.8129],
    [10, 10, 0.6915, 1],
    [12, 2000, 0.0031, 0.01046],
  ])("%i of %i lie between %f and %f (Clopper and Pearson)", (count, total, low, high) => {
    const interval = shareInterval(count, total);
    expect(interval[0]).toBeCloseTo(low, 3);
    expect(interval[1]).toBeCloseTo(high, 3);
  });

  it("divergence is 0 for the same probabilities, and what its definition says else", () => {
    expect(divergence([1, 2, 3], [11, 12, 13])).toBeCloseTo(0, 12);
    const [p, q] = [0.8, 0.4];
    const expected = p * Math.log(p / q) + (1 - p) * Math.log((1 - p) / (1 - q));
    expect(divergence([Math.log(p), Math.log(1 - p)], [Math.log(q), Math.log(1 - q)])).toBeCloseTo(expected, 12);
    // Logits for which softmax gives exact zeros.
    expect(divergence([0, -2000], [-5, 5])).toBeCloseTo(10 + Math.log1p(Math.exp(-10)), 9);
  });

  it("the best class is the first of equals", () => {
    expect(bestClass([1, 3, 3])).toBe(1);
  });
});

describe("schedules", () => {
  it("begin with the published blocks, for other depths too", () => {
    expect(patternsFor(12)[0]).toMatchObject({ layers: [3, 6, 9], shape: "counts" });
    expect(patternsFor(24)[0]!.layers).toEqual([6, 12, 18]);
    for (let depth = 1; depth <= 40; depth++) {
      const patterns = patternsFor(depth);
      expect(patterns.length).toBeGreaterThan(0);
      for (const { layers } of patterns) {
        expect(layers.every((layer, i) => layer >= 0 && layer < depth && (i === 0 || layer > layers[i - 1]!))).toBe(
          true,
        );
      }
    }
  });

  it("keep their budget, and waste little of it", () => {
    const unreduced = modelCost(config).gmacs;
    for (const share of [0.9, 0.8, 0.7, 0.62])
      for (const pattern of patternsFor(12)) {
        const schedule = fitPattern(config, pattern, share * unreduced);
        if (!schedule) continue;
        expect(costOf(config, schedule)).toBeLessThanOrEqual(share * unreduced);
        // The coarsest step is one more token in each of ten blocks.
        expect(costOf(config, schedule)).toBeGreaterThan((share - 0.04) * unreduced);
      }
  });

  it("say when a budget is out of reach, and how far it is", () => {
    const least = cheapest(config);
    expect(costOf(config, least.schedule)).toBe(least.gmacs);
    for (const pattern of patternsFor(12)) expect(fitPattern(config, pattern, 0.99 * least.gmacs)).toBe(undefined);
  });

  it("keep proportions where they can", () => {
    const schedule = fitCounts(config, [3, 6, 9], [40, 20, 10], 1)!;
    const [first, second, third] = countsOf(config, schedule);
    expect(first! / second!).toBeCloseTo(2, 0);
    expect(second! / third!).toBeCloseTo(2, 0);
  });

  it("have neighbours at the same budget that differ from them", () => {
    const schedule = fitPattern(config, patternsFor(12)[0]!, 0.8)!;
    const near = neighbours(config, schedule, 0.8);
    expect(near.length).toBeGreaterThan(6);
    for (const neighbour of near) {
      expect(costOf(config, neighbour)).toBeLessThanOrEqual(0.8);
      expect([neighbour.layers, countsOf(config, neighbour)]).not.toEqual([
        schedule.layers,
        countsOf(config, schedule),
      ]);
    }
  });
});

describe("the front", () => {
  it("holds exactly the trials that no cheaper or equal one is as good as", () => {
    const some = fc.array(fc.tuple(fc.integer({ min: 1, max: 8 }), fc.integer({ min: 0, max: 8 })), { minLength: 1 });
    fc.assert(
      fc.property(some, (points) => {
        const trials = points.map(([gmacs, loss]) => trialOf(gmacs, loss));
        const front = paretoFront(trials, "gmacs", "divergence");
        const dominated = (a: Trial, b: Trial) => b.gmacs <= a.gmacs && b.divergence <= a.divergence;
        for (const trial of trials) expect(front.some((point) => dominated(trial, point))).toBe(true);
        for (const a of front) for (const b of front) if (a !== b) expect(dominated(a, b)).toBe(false);
      }),
      { seed: 5 },
    );
  });

  it("is judged by what was asked for, the other measure breaking ties", () => {
    const [few, close] = [trialOf(1, 0.2, 0), trialOf(1, 0.1, 3)];
    expect(compareLoss(few, close, "divergence")).toBeGreaterThan(0);
    expect(compareLoss(few, close, "disagreement")).toBeLessThan(0);
    expect(compareLoss(trialOf(1, 0.1, 3), few, "disagreement")).toBeGreaterThan(0);
  });
});

describe("chooseSettings", () => {
  const trials = [trialOf(1.0, 0.001, 0), trialOf(0.9, 0.002, 1), trialOf(0.8, 0.01, 3), trialOf(0.7, 0.05, 0)];

  it("takes the least loss within a cost", () => {
    expect(chooseSettings(choices(trials), { gmacs: 0.95 }).gmacs).toBe(0.9);
    expect(chooseSettings(choices(trials), { speedup: 1.4 }).gmacs).toBe(0.8);
    expect(chooseSettings({ ...choices(trials), measure: "latency" }, { speedup: 1.7 }).gmacs).toBe(0.7);
  });

  it("stops where a disagreement breaks first, even if luck keeps it beyond", () => {
    expect(chooseSettings(choices(trials), { maxDisagreement: 2 / 64 }).gmacs).toBe(0.9);
    expect(chooseSettings(choices(trials), { maxDisagreement: 0 }).gmacs).toBe(1.0);
    expect(chooseSettings(choices(trials), { maxDisagreement: 3 / 64 }).gmacs).toBe(0.7);
  });

  it("names the nearest where nothing keeps the target", () => {
    expect(() => chooseSettings(choices(trials), { gmacs: 0.5 })).toThrow(
      /no settings keep 0\.500 GMACs; the nearest have 0\.700 GMACs, 1\.71 times as fast/,
    );
    const bad = [trialOf(1, 0.1, 4), trialOf(0.9, 0.2, 6)];
    expect(() => chooseSettings(choices(bad), { maxDisagreement: 0.01 })).toThrow(
      /no settings keep a disagreement of 1\.00 % on these 64 pictures; the nearest disagree on 4, 6\.25 %/,
    );
    expect(() => chooseSettings(choices(bad), { maxDisagreement: 0.01 })).toThrow(
      expect.objectContaining({ code: "INVALID_OPTION" }),
    );
  });
});

/**
 * A simulated model that is most accurate if tokens are removed late, in even parts, and images of high variance are
 * pruned.
 */
function fakeModel() {
  const asked: ReductionConfig[] = [];
  const evaluate = async (reduction: ReductionConfig): Promise<Trial> => {
    asked.push(reduction);
    const { gmacs } = modelCost(config, reduction);
    const counts = countsOf(config, reduction);
    const centre = counts.reduce((sum, n, i) => sum + n * reduction.layers[i]!, 0) / counts.reduce((a, b) => a + b, 0);
    const { threshold } = reduction;
    const scaleFree = typeof threshold === "object" && "scaleFree" in threshold ? threshold.scaleFree : undefined;
    const fromThreshold = scaleFree === undefined ? 0.2 : Math.abs(scaleFree - 75) / 1000;
    const loss = (1.25 - gmacs) * (1 + fromThreshold + (centre - 7) ** 2);
    return {
      ...trialOf(gmacs, loss, Math.round(loss)),
      reduction,
      spreads: Array.from({ length: 101 }, (_, i) => i),
    };
  };
  return { asked, evaluate };
}

describe("the search", () => {
  it("finds blocks, counts and threshold, and asks for nothing twice", async () => {
    const { asked, evaluate } = fakeModel();
    const trials = await searchSettings({ config, budgets: [0.8, 1.1, 0.95], objective: "divergence", evaluate });
    expect(trials).toHaveLength(asked.length);
    const keys = asked.map((one) => JSON.stringify([one.layers, countsOf(config, one), one.threshold]));
    expect(new Set(keys).size).toBe(keys.length);
    expect(trials.length).toBeLessThan(100);

    const best = chooseSettings(choices(trials), { gmacs: 0.8 });
    expect(best.reduction.threshold).toEqual({ scaleFree: 75 });
    const published = trials.filter(
      ({ reduction }) => reduction.layers.join() === "3,6,9" && typeof reduction.tokensRemoved === "number",
    );
    // The published blocks were tried at every budget, and better ones were found.
    for (const budget of [0.8, 1.1, 0.95])
      expect(published.some(({ gmacs }) => gmacs <= budget && gmacs > budget - 0.03)).toBe(true);
    for (const trial of published.filter(({ gmacs }) => gmacs <= 0.8))
      expect(best.divergence).toBeLessThan(trial.divergence);
  });

  it("goes on where the first budget is out of reach of every pattern", async () => {
    const { evaluate } = fakeModel();
    const trials = await searchSettings({ config, budgets: [0.1, 0.9], objective: "divergence", evaluate });
    expect(trials.length).toBeGreaterThan(5);
    for (const { gmacs } of trials) expect(gmacs).toBeLessThanOrEqual(0.9);
  });

  it("looks at budgets between careful and bold where none is asked for", () => {
    const shares = defaultBudgets(config).map((budget) => budget / modelCost(config).gmacs);
    expect(Math.max(...shares)).toBeGreaterThan(0.9);
    expect(Math.min(...shares)).toBeLessThan(0.6);
    // The paper's budget: 2.94 of 4.60 GMACs.
    expect(shares[0]).toBeCloseTo(0.64, 2);
  });
});

describe("calibrationPage", () => {
  const [careful, bold] = [trialOf(1, 0.001), trialOf(0.8, 0.01, 2)] as const;
  const calibration: Calibration = {
    ...choices([careful, bold, trialOf(0.9, 0.05)]),
    model: { name: "<b>&model", fingerprint: "0" },
    backend: "cpu",
    dtype: "fp32",
    pictures: 64,
    answers: "classes",
    target: { gmacs: 1 },
    failures: [],
    spreads: [{ layer: 0, values: [1, 10, 100] }],
    comparisons: [trialOf(0.8, 0.02, 3, { policy: "evit" })],
  };

  it("needs nothing else, and shows names of any origin as text", () => {
    const page = calibrationPage(calibration, bold);
    expect(page).toContain("&lt;b&gt;&amp;model");
    expect(page).not.toMatch(/<b>&model|https?:\/\/(?!www\.w3\.org)|<script|<link/);
    expect(page).not.toMatch(/NaN|Infinity|undefined/);
  });

  it("marks the choice, lists the front alone, and draws every trial", () => {
    const page = calibrationPage(calibration, bold);
    expect(page.match(/class="chosen"/g)).toHaveLength(1);
    expect(page.match(/<tr/g)).toHaveLength(2 + 2 + 1);
    expect(page.match(/<title>.*?GMACs/g)).toHaveLength(4);
  });
});
