/** Tests how `ppt-vit eval` compares answers with each other: in two precisions, and with the unreduced model's. */
import { parseModelConfig } from "@ppt-vit/core";
import { answerKindOf } from "@ppt-vit/pipeline";
import { describe, expect, it } from "vitest";
import { type Answer, differenceOf } from "../src/commands/eval/answers.js";
import { compareAnswers, dtypeSummaries } from "../src/commands/eval/dtypes.js";
import { parseReport } from "../src/commands/eval/merge.js";
import { reportPage } from "../src/commands/eval/page.js";
import { reportOf, reportText, runFacts } from "../src/commands/eval/report.js";
import type { EvalReport, PictureRecord, UsedPicture } from "../src/commands/eval/types.js";
import { frame, settings } from "./eval-frame.js";
import { invalid } from "./input.js";

/** What a model of this configuration answers. */
const kindOf = (json: object) => answerKindOf("model", parseModelConfig(json));
const tower = { hidden_size: 8, num_hidden_layers: 4, num_attention_heads: 2, image_size: 28, patch_size: 14 };
const classes = kindOf({ model_type: "vit", num_labels: 2, ...tower });
const embeddings = kindOf({ model_type: "dinov2", ...tower });
const depths = kindOf({
  model_type: "depth_anything",
  backbone_config: { model_type: "dinov2", out_indices: [1, 2, 3, 4], ...tower },
});
const answer = (values: readonly number[], ...actions: Answer["actions"]): Answer => ({
  values: Float32Array.from(values),
  actions,
});

describe("precisions that are compared with fp32", () => {
  it("are judged by each picture's answer and decisions", () => {
    const reference = answer([0, Math.log(3)], "prune", "pool");
    const own = answer([0, 0], "prune", "prune");
    const { divergence, ...rest } = compareAnswers(classes, reference, own, 1);
    // Probabilities 1/4 and 3/4 beside 1/2 and 1/2.
    expect(divergence).toBeCloseTo(0.25 * Math.log(0.5) + 0.75 * Math.log(1.5), 6);
    expect(rest).toEqual({
      score: { predicted: 0, rank: 1, loss: Math.log(2) },
      same: false,
      decisions: [true, false],
    });
    expect(compareAnswers(classes, reference, reference, undefined)).toEqual({
      same: true,
      divergence: 0,
      decisions: [true, true],
    });
    const angle = compareAnswers(embeddings, answer([3, 4]), answer([6, 8]), undefined);
    expect(angle).toEqual({ cosine: 1, decisions: [] });
    expect(compareAnswers(embeddings, answer([1, 0]), answer([0, 0]), undefined).cosine).toBe(0);
  });

  it("are averaged over the pictures; a share of few pictures has a wide interval", () => {
    const pictures = Array.from({ length: 200 }, (_, index): UsedPicture => {
      const same = index > 0;
      const score = { predicted: same ? 1 : 0, rank: same ? 0 : 1, loss: 0.5 };
      const q8 = { score, same, divergence: index / 100, decisions: [true, index % 4 > 0] };
      return { index, file: `${index}.png`, label: 1, predicted: 1, rank: 0, loss: 0.5, dtypes: { q8 } };
    });
    const { q8 } = dtypeSummaries(pictures, ["q8"])!;
    expect(q8).toMatchObject({
      accuracy: { top1: 0.995, top5: 1, loss: 0.5 },
      answers: { same: 199, share: 0.995 },
      decisions: { same: 350, of: 400, share: 0.875, byStage: [200, 150] },
      divergence: { p99: 1.97 },
    });
    expect(q8!.divergence!.mean).toBeCloseTo(0.995, 12);
    // Clopper and Pearson's interval of 199 of 200.
    const [low, high] = q8!.answers!.interval95;
    expect([low.toFixed(4), high.toFixed(4)]).toEqual(["0.9725", "0.9999"]);
    expect(dtypeSummaries(pictures, undefined)).toBeUndefined();
    expect(dtypeSummaries([], ["q8"])).toEqual({ q8: { decisions: { same: 0, of: 0, share: null, byStage: [] } } });
  });
});

describe("pictures without labels", () => {
  /** Reduced answers at growing angles to the unreduced one, and those under second settings, always twice as far. */
  const turned = (degrees: number) =>
    answer([Math.cos((degrees * Math.PI) / 180), Math.sin((degrees * Math.PI) / 180)]);
  const named = (name: string) => ({ name, reduction: settings.reduction! });
  const unlabelled = { ...settings, labelled: false as const, reductions: [named("a"), named("b")] };
  const report = (kind: typeof classes, labels: readonly string[]): EvalReport => {
    const records = Array.from({ length: 10 }, (_, index): PictureRecord => {
      const [unreduced, own, second] = [turned(10), turned(10 + 3 * index), turned(10 + 6 * index)];
      return {
        ...{ index, file: `${index}.png` },
        unreduced: differenceOf(kind, unreduced, own),
        reductions: [differenceOf(kind, unreduced, second)],
      };
    });
    const gmacs = { unreduced: 2, reduced: 1, reductions: [1] };
    const run = runFacts([{ waitingMs: 1, modelMs: 10, unreducedMs: 15, reductionsMs: [9], totalMs: 40 }], 10);
    return { ...reportOf({ ...frame, labels: [...labels], gmacs, settings: unlabelled }, records), run };
  };

  it("tell how far a classifier's answers lie from the unreduced model's", () => {
    const { summary } = report(classes, ["a", "b"]);
    // The second value is the greater one from 45 degrees on: after 11 steps of 3 degrees, and after 6 of 6.
    expect(summary.difference!.answers).toMatchObject({ same: 10, share: 1 });
    expect(summary.reductions![0]).toMatchObject({ top1: null, difference: { answers: { same: 6, share: 0.6 } } });
    expect(summary.difference!.divergence!.mean).toBeGreaterThan(0);
    expect(summary).not.toHaveProperty("agreement");
  });

  it("tell the cosine of embeddings, and the error of depth after the best scale", () => {
    const meanCosine = Array.from({ length: 10 }, (_, i) => Math.cos((3 * i * Math.PI) / 180) / 10).reduce(
      (a, b) => a + b,
    );
    expect(report(embeddings, []).summary.difference).toEqual({
      cosine: { mean: expect.closeTo(meanCosine, 6), p1: expect.closeTo(Math.cos((27 * Math.PI) / 180), 2) },
    });
    // min over s of |u - s r| / |u| is the sine of the angle between them.
    const { depthError } = report(depths, []).summary.difference!;
    expect(depthError!.p99).toBeCloseTo(Math.sin((27 * Math.PI) / 180), 2);
    expect(differenceOf(depths, answer([1, 2]), answer([2, 4])).depthError).toBeCloseTo(0, 6);
  });

  it("are shown beside the unreduced model, and read back as they were written", () => {
    const whole = report(depths, []);
    expect(reportText(whole)).toMatch(/depth beside unreduced, mean error +\d+\.\d+ % +\d+\.\d+ %/);
    expect(reportText(whole)).toMatch(/^ +a +b +unreduced$/m);
    expect(reportPage(whole)).toContain("<td>depth beside unreduced, mean error</td>");
    expect(parseReport(JSON.stringify(whole), "r.json")).toEqual(whole);
    const broken = structuredClone(whole) as { pictures: { unreduced?: object }[] } & EvalReport;
    broken.pictures[3]!.unreduced = { cosine: 1, depthError: 0 };
    expect(() => parseReport(JSON.stringify(broken), "r.json")).toThrow(
      invalid("pictures[3].unreduced.cosine: is there"),
    );
    delete broken.pictures[3]!.unreduced;
    expect(() => parseReport(JSON.stringify(broken), "r.json")).toThrow(invalid("pictures[3]"));
  });
});
