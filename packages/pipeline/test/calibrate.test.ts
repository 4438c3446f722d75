/** Tests the parts of a calibration: what is measured, which schedules are tried, and which trial is chosen. */
import { modelCost, parseModelConfig, parseReduction, type ReductionConfig } from "@ppt-vit/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { divergenceInterval, runnerUp } from "../src/calibrate/comparison.js";
import { gmacsOf } from "../src/calibrate/costs.js";
import { changesOf, costOfPlan, fitPlan, tokensMoved } from "../src/calibrate/plans.js";
import { calibrationPage } from "../src/calibrate/report.js";
import { cheapest, costOf, countsOf, fitPattern, patternsFor, type Schedule } from "../src/calibrate/schedules.js";
import { defaultBudgets, searchSettings } from "../src/calibrate/search.js";
import { measuredLayers } from "../src/calibrate/sensitivity.js";
import { bestClass, divergence, shareInterval } from "../src/calibrate/statistics.js";
import { pooling, reductionOf, type Step, stepsOf } from "../src/calibrate/steps.js";
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
    divergences: [0.5 * loss, 1.5 * loss],
    loss,
    losses: [0.5 * loss, 1.5 * loss],
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

describe("how sure a choice is", () => {
  const paired = (...divergences: number[]) => ({
    ...trialOf(0.8, divergences.reduce((a, b) => a + b) / divergences.length),
    divergences,
    losses: divergences,
  });

  it("is told by an interval that holds the mean, and is a point where all pictures agree", () => {
    const [low, high] = divergenceInterval(paired(1, 2, 3, 4, 5, 6, 7, 8));
    expect(low).toBeGreaterThan(2);
    expect(low).toBeLessThan(4.5);
    expect(high).toBeGreaterThan(4.5);
    expect(high).toBeLessThan(7);
    expect(divergenceInterval(paired(3, 3, 3))).toEqual([3, 3]);
  });

  it("compares with the runner-up picture by picture", () => {
    const best = paired(1, 2, 3, 10);
    const [always, often, cheap] = [paired(2, 3, 4, 11), paired(9, 2, 3, 10), { ...paired(0, 0, 0, 1), gmacs: 0.9 }];
    expect(runnerUp(choices([best, always, cheap]), best)).toEqual({ trial: always, chosenIsBetter: 1 });
    const { trial, chosenIsBetter } = runnerUp(choices([best, always, often]), best)!;
    expect(trial).toBe(always);
    expect(chosenIsBetter).toBe(1);
    // A resampling without the first picture is a draw, which is no win: (3/4)^4 of them.
    expect(runnerUp(choices([best, often]), best)!.chosenIsBetter).toBeCloseTo(1 - 0.75 ** 4, 1);
    expect(runnerUp(choices([best, cheap]), best)).toBe(undefined);
  });
});

const costs = gmacsOf(config);
const few = (layer: number, removed: number, step: Step = pooling) => ({ layer, removed, step });

describe("plans", () => {
  const plan = [few(2, 70), few(4, 50), few(6, 30, { policy: "diffrate", score: "mean" })];

  it("are settings, in short where every stage is alike", () => {
    expect(reductionOf(plan.slice(0, 2))).toEqual({ layers: [2, 4], tokensRemoved: [70, 50], threshold: "pool" });
    expect(parseReduction(reductionOf(plan))).toEqual({
      ...{ layers: [2, 4, 6], tokensRemoved: [70, 50, 30], policy: ["ppt", "ppt", "diffrate"], score: "mean" },
      ...{ threshold: ["pool", "pool", null], pruneShare: [null, null, 0] },
    });
    const alike = [few(2, 9, { policy: "diffrate", score: "class" })];
    expect(reductionOf(alike)).toEqual({ layers: [2], tokensRemoved: [9], policy: "diffrate", score: "class" });
  });

  it("keep their budget and waste little of it, and so do their changes", () => {
    for (const gmacs of [0.5, 0.6, 0.8, 1.1]) {
      const fitted = fitPlan(costs, plan, gmacs)!;
      const changes = changesOf(costs, fitted, gmacs, () => stepsOf(config, 70));
      expect(changes.length).toBeGreaterThan(20);
      for (const one of [fitted, ...changes]) {
        const cost = costOfPlan(costs, one);
        expect(cost).toBeLessThanOrEqual(gmacs);
        const layers = one.map(({ layer }) => layer);
        expect(layers).toEqual([...new Set(layers)].sort((a, b) => a - b));
        // What planning a model makes of the counts is what they say.
        expect(countsOf(config, reductionOf(one) as Schedule)).toEqual(one.map(({ removed }) => removed));
      }
      expect(costOfPlan(costs, fitted)).toBeGreaterThan(gmacs - 0.03);
    }
    expect(fitPlan(costs, [few(9, 1)], 0.5)).toBe(undefined);
    expect(fitPlan(costs, [], 0.5)).toBe(undefined);
  });

  it("differ by the tokens that leave in other blocks or by other steps", () => {
    const one = [few(2, 60), few(6, 40)];
    expect(tokensMoved(one, one)).toBe(0);
    expect(tokensMoved(one, [few(2, 60), few(7, 40)])).toBeCloseTo(0.4, 12);
    expect(tokensMoved(one, [few(2, 50), few(6, 50)])).toBeCloseTo(0.1, 12);
    expect(tokensMoved(one, [few(2, 60, { policy: "diffrate", score: "mean" }), few(6, 40)])).toBeCloseTo(0.6, 12);
    expect(tokensMoved(one, [few(2, 60), few(6, 20)])).toBeCloseTo(0.2, 12);
    expect(tokensMoved(one, [few(4, 100)])).toBe(1);
  });

  it("have no step by the class token where there is none", () => {
    const scores = (classToken: boolean) => stepsOf({ ...config, classToken }, 70).map(({ score }) => score);
    expect(scores(true)).toContain("class");
    expect(scores(false)).not.toContain("class");
  });

  it("may reduce in every block but the last, of which few are measured in deep models", () => {
    expect(measuredLayers({ layers: 12 })).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    expect(measuredLayers({ layers: 2 })).toEqual([0]);
    expect(measuredLayers({ layers: 40 })).toHaveLength(12);
    expect(measuredLayers({ layers: 40 })).toEqual(expect.arrayContaining([0, 38]));
  });
});

/** A simulated model that is most accurate if blocks 2 and 5 remove tokens, by pooling in the former and merging in the latter. */
function fakeModel() {
  const asked: string[] = [];
  const attempt = async (reduction: ReductionConfig): Promise<Trial> => {
    asked.push(JSON.stringify(parseReduction(reduction)));
    const { gmacs, blocks } = modelCost(config, reduction);
    const { layers } = reduction;
    const entry = (values: unknown, i: number) => (Array.isArray(values) ? values[i] : values);
    const losses = layers.map((layer, i) => {
      const share = 1 - blocks[layer]!.mlpTokens / blocks[layer]!.attentionTokens;
      const wanted = layer < 4 ? "ppt" : "diffrate";
      const misfit =
        (entry(reduction.policy ?? "ppt", i) === wanted ? 0 : 1) + Math.min(Math.abs(layer - 2), Math.abs(layer - 5));
      return (1 + 30 * misfit) * share ** 2;
    });
    const loss = losses.reduce((sum, one) => sum + one, 0) / 10;
    return { ...trialOf(gmacs, loss, Math.round(loss)), reduction };
  };
  return { asked, attempt };
}

const spreads = Array.from({ length: 11 }, (_, layer) => ({ layer, values: [70, 80] }));
const searching = { costs, objective: "divergence", spreads } as const;

describe("the search", () => {
  it("finds blocks, counts and a policy for each of them, and asks for nothing twice", async () => {
    const [screening, deciding] = [fakeModel(), fakeModel()];
    const trials = await searchSettings({
      ...{ ...searching, budgets: [0.6, 0.8, 1.1], screen: screening.attempt, decide: deciding.attempt },
    });
    expect(trials).toHaveLength(deciding.asked.length);
    for (const { asked } of [screening, deciding]) expect(new Set(asked).size).toBe(asked.length);
    expect(screening.asked.length).toBeLessThan(150);

    const best = chooseSettings(choices(trials), { gmacs: 0.6 });
    expect(best.reduction).toMatchObject({ layers: [2, 5], policy: ["ppt", "diffrate"] });
    // The published blocks are decided on at every budget that they reach.
    for (const budget of [0.8, 1.1])
      expect(
        trials.some(
          ({ reduction, gmacs }) => reduction.layers.join() === "3,6,9" && gmacs <= budget && gmacs > 0.97 * budget,
        ),
      ).toBe(true);
  });

  it("lets the pictures held back decide between plans that differ", async () => {
    const { attempt } = fakeModel();
    // What looks best to the search turns out to be fragile. The published blocks do not reach this budget.
    const decide = async (reduction: ReductionConfig): Promise<Trial> => {
      const trial = await attempt(reduction);
      return reduction.layers.join() === "2,5" ? { ...trial, loss: trial.loss + 10 } : trial;
    };
    const trials = await searchSettings({ ...searching, budgets: [0.57], screen: attempt, decide });
    expect(trials[0]!.reduction.layers).toEqual([2, 5]);
    expect(chooseSettings(choices(trials), { gmacs: 0.57 }).reduction.layers).not.toEqual([2, 5]);
  });

  it("goes on where the first budget is out of reach of every plan", async () => {
    const { attempt } = fakeModel();
    const trials = await searchSettings({ ...searching, budgets: [0.05, 0.9], screen: attempt, decide: attempt });
    expect(trials.length).toBeGreaterThan(2);
    for (const { gmacs } of trials) expect(gmacs).toBeLessThanOrEqual(0.9);
  });

  it("looks at budgets between careful and bold where none is asked for", () => {
    const shares = defaultBudgets(costs).map((budget) => budget / modelCost(config).gmacs);
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
    screened: 1,
    screenings: [trialOf(0.95, 0.2)],
    notices: ["12 <pictures>"],
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
    expect(page.match(/<title>.*?GMACs/g)).toHaveLength(5);
  });
});
