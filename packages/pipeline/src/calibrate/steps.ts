/** What a stage can do in a search. To add a step, add a line to `stepsOf`. */
import type { ObservedQuery, PolicyName, ReductionConfig, Threshold, VisionModelConfig } from "@ppt-vit/core";

/** A policy with its own settings and a score, for one stage. */
export interface Step {
  readonly policy: PolicyName;
  readonly threshold?: Threshold;
  readonly score?: ObservedQuery;
}

/** One stage of a plan. */
export interface PlannedStage {
  readonly layer: number;
  readonly removed: number;
  readonly step: Step;
}

/** Stages in the order of their blocks. */
export type Plan = readonly PlannedStage[];

/** Averages the most similar tokens. No score is needed. */
export const pooling: Step = { policy: "ppt", threshold: "pool" };

/**
 * The steps that a block can take. `limit` is the scale-free threshold above which half of the pictures lie in this block. Which query
 * scores better depends on the depth: the class token's gathers what matters only in later blocks.
 */
export function stepsOf({ classToken = true }: VisionModelConfig, limit: number | undefined): Step[] {
  const queries: ObservedQuery[] = classToken ? ["mean", "class"] : ["mean"];
  return [
    pooling,
    ...queries.map((score): Step => ({ policy: "diffrate", score })),
    ...queries.map((score): Step => ({ policy: "ppt", threshold: "prune", score })),
    ...(limit === undefined
      ? []
      : queries.map((score): Step => ({ policy: "ppt", threshold: { scaleFree: limit }, score }))),
  ];
}

export const sameStep = (a: Step, b: Step): boolean => JSON.stringify(a) === JSON.stringify(b);

/** The stages of settings, as steps. What the search does not know, such as a policy of a user's own, keeps its name. */
export function stagesOf(reduction: ReductionConfig): { readonly layer: number; readonly step: Step }[] {
  const entry = (values: unknown, i: number) => (Array.isArray(values) ? values[i] : values) ?? undefined;
  return reduction.layers.map((layer, i) => {
    const policy: unknown = entry(reduction.policy, i) ?? "ppt";
    const [threshold, score] = [entry(reduction.threshold, i), entry(reduction.score, i)];
    const name = typeof policy === "string" ? policy : (policy as { name: string }).name;
    return { layer, step: { policy: name, threshold, score } as Step };
  });
}

/** The plan as settings: in short where all stages take the same step. */
export function reductionOf(plan: Plan): ReductionConfig {
  const schedule = { layers: plan.map(({ layer }) => layer), tokensRemoved: plan.map(({ removed }) => removed) };
  const [first] = plan;
  if (!first) return { ...schedule, ...pooling };
  if (plan.every(({ step }) => sameStep(step, first.step))) {
    const { policy, ...own } = first.step;
    return { ...schedule, ...(policy !== "ppt" && { policy }), ...own };
  }
  const each = <Name extends keyof Step>(name: Name) => plan.map(({ step }) => step[name]);
  const oneOf = <Value>(values: readonly Value[]): Value | readonly Value[] =>
    values.every((value) => value === values[0]) ? values[0]! : values;
  const policy = oneOf(each("policy") as PolicyName[]);
  const asked = each("score").find((score) => score !== undefined);
  const thresholds = each("threshold").map((threshold) => threshold ?? null);
  return {
    ...schedule,
    ...(policy !== "ppt" && { policy }),
    ...(thresholds.some((threshold) => threshold !== null) && { threshold: thresholds }),
    // Pooling reads no score, so that of any other stage will do for it.
    ...(asked !== undefined && { score: oneOf(each("score").map((score) => score ?? asked)) }),
  } as ReductionConfig;
}
