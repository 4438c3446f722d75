/** Tries settings on a backend. The unreduced model runs once; then each trial compiles a model of its own. */

import {
  type Backend,
  type QuantizedDtypeName,
  type ReductionConfig,
  specialTokens,
  stackImages,
  type VisionModel,
} from "@ppt-vit/core";
import { createVisionModel, modelCost } from "@ppt-vit/core/loading";
import type { Checkpoint } from "../checkpoint/checkpoint.js";
import { mean, median } from "../statistics.js";
import type { AnswerKind } from "./answers/answer-kind.js";
import { fewest } from "./notices.js";
import type { Priced, Trial } from "./trial.js";

export interface Evaluator {
  readonly unreduced: Priced;
  /** The unreduced model's answers, by picture. */
  readonly answers: readonly Float32Array[];
  /** Tries settings on the pictures of the search alone. */
  screen(reduction: ReductionConfig): Promise<Trial>;
  /** Tries settings on all pictures. The divergence is that of the pictures held back from the search. */
  decide(reduction: ReductionConfig): Promise<Trial>;
  /** N^2 * variance of the scores in each block, with one token removed per block: [block][picture]. */
  spreads(): Promise<readonly BlockSpread[]>;
}

/** The variances of the scores in one block, over all pictures. */
export interface BlockSpread {
  readonly layer: number;
  readonly values: readonly number[];
}

export interface EvaluatorOptions {
  /** Pictures per run. */
  readonly batch: number;
  readonly quantize: QuantizedDtypeName | undefined;
  readonly signal: AbortSignal | undefined;
  /** What is compared. */
  readonly answers: AnswerKind;
  /** The time of an image, if a table gives it. Undefined settings are the unreduced model. */
  readonly estimate?: ((reduction: ReductionConfig | undefined) => number) | undefined;
  /** Trials of an earlier search that was interrupted. */
  readonly memory?: TrialMemory | undefined;
}

/** Keeps trials, so that a search that was interrupted goes on. A trial is known by a key. */
export interface TrialMemory {
  get(key: string): Trial | undefined;
  set(key: string, trial: Trial): void;
}

/** `pictures` [channels, H, W] each: preprocessed. Every second one is held back from the search. */
export async function createEvaluator(
  { config, weights }: Pick<Checkpoint, "config" | "weights">,
  backend: Backend,
  pictures: readonly Float32Array[],
  { batch, quantize, signal, answers, estimate, memory }: EvaluatorOptions,
): Promise<Evaluator> {
  const heldBack = pictures.map((_, i) => pictures.length >= fewest && i % 2 === 1);
  const everyPicture = pictures.map((_, i) => i);
  const searched = everyPicture.filter((i) => !heldBack[i]);
  const decisive = pictures.length >= fewest ? everyPicture.filter((i) => heldBack[i]) : everyPicture;

  /** Runs the pictures with these indices and gives each batch's output to `take`. -> median time of an image in ms */
  async function runAll(
    reduction: ReductionConfig | undefined,
    which: readonly number[],
    take: (output: Awaited<ReturnType<VisionModel["run"]>>, size: number) => void,
  ): Promise<number> {
    signal?.throwIfAborted();
    const model = await createVisionModel({ config, weights, backend, reduction, quantize });
    try {
      const times: number[] = [];
      for (let start = 0; start < which.length; start += batch) {
        signal?.throwIfAborted();
        const part = which.slice(start, start + batch).map((i) => pictures[i]!);
        const pixelValues = stackImages(part);
        const begun = performance.now();
        const output = await model.run({ pixelValues, batch: part.length });
        times.push((performance.now() - begun) / part.length);
        take(output, part.length);
      }
      return median(times);
    } finally {
      await model.dispose();
    }
  }

  const reference: Float32Array[] = [];
  const latencyMs = await runAll(undefined, everyPicture, (output, size) => {
    for (let row = 0; row < size; row++) reference.push(answers.answerOf(output, row));
  });

  async function evaluate(reduction: ReductionConfig, which: readonly number[], judged: readonly number[]) {
    const apart = new Map<number, { divergence: number; loss: number }>();
    let disagreements = 0;
    let next = 0;
    const latencyMs = await runAll(reduction, which, (output, size) => {
      for (let row = 0; row < size; row++) {
        const picture = which[next++]!;
        const answer = answers.answerOf(output, row);
        const whole = reference[picture]!;
        apart.set(picture, {
          divergence: answers.divergenceOf(whole, answer),
          loss: answers.lossOf(whole, answer),
        });
        if (answers.same && !answers.same(reference[picture]!, answer)) disagreements++;
      }
    });
    const divergences = judged.map((picture) => apart.get(picture)!.divergence);
    const losses = judged.map((picture) => apart.get(picture)!.loss);
    return {
      reduction,
      gmacs: modelCost(config, reduction).gmacs,
      latencyMs,
      divergence: mean(divergences),
      divergences,
      loss: mean(losses),
      losses,
      ...(answers.same && { disagreements }),
      pictures: which.length,
    };
  }

  /** The trial, remembered or made now. A table's estimate is no part of what is remembered, since the table may be another. */
  async function attempt(how: string, reduction: ReductionConfig, make: () => Promise<Trial>): Promise<Trial> {
    // A policy object of a user's own has no name that others could not have, too.
    const key = [reduction.policy].flat().some((policy) => typeof policy === "object")
      ? undefined
      : JSON.stringify([how, reduction]);
    const known = key === undefined ? undefined : memory?.get(key);
    const trial = known ?? (await make());
    if (!known && key !== undefined) memory?.set(key, trial);
    return estimate ? { ...trial, reduction, estimatedMs: estimate(reduction) } : { ...trial, reduction };
  }

  return {
    unreduced: { gmacs: modelCost(config).gmacs, latencyMs, ...(estimate && { estimatedMs: estimate(undefined) }) },
    answers: reference,
    screen: (reduction) => attempt("screen", reduction, () => evaluate(reduction, searched, searched)),
    decide: (reduction) => attempt("decide", reduction, () => evaluate(reduction, everyPicture, decisive)),

    async spreads() {
      const layers = Array.from({ length: config.layers - 1 }, (_, layer) => layer);
      const values = layers.map((): number[] => []);
      await runAll({ layers, tokensRemoved: 1, threshold: "pool" }, everyPicture, ({ stages }) => {
        stages.forEach(({ tokensIn, variances }, i) => {
          for (const variance of variances) values[i]!.push((tokensIn - specialTokens(config)) ** 2 * variance);
        });
      });
      return layers.map((layer, i) => ({ layer, values: values[i]! }));
    },
  };
}
