/** Tries settings on a backend. The unreduced model runs once; then each trial compiles a model of its own. */
import {
  type Backend,
  createVisionModel,
  modelCost,
  type QuantizedDtypeName,
  type ReductionConfig,
  specialTokens,
  stackImages,
  type VisionModel,
} from "@ppt-vit/core";
import type { Checkpoint } from "../checkpoint/checkpoint.js";
import { median } from "../statistics.js";
import type { AnswerKind } from "./answers/answer-kind.js";
import type { Trial } from "./trial.js";

export interface Evaluator {
  readonly unreduced: Pick<Trial, "gmacs" | "latencyMs">;
  evaluate(reduction: ReductionConfig): Promise<Trial>;
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
}

/** `pictures` [channels, H, W] each: preprocessed. */
export async function createEvaluator(
  { config, weights }: Pick<Checkpoint, "config" | "weights">,
  backend: Backend,
  pictures: readonly Float32Array[],
  { batch, quantize, signal, answers }: EvaluatorOptions,
): Promise<Evaluator> {
  /** Runs all pictures and gives each batch's output to `take`. -> median time of an image in ms */
  async function runAll(
    reduction: ReductionConfig | undefined,
    take: (output: Awaited<ReturnType<VisionModel["run"]>>, size: number) => void,
  ): Promise<number> {
    signal?.throwIfAborted();
    const model = await createVisionModel({ config, weights, backend, reduction, quantize });
    try {
      const times: number[] = [];
      for (let start = 0; start < pictures.length; start += batch) {
        signal?.throwIfAborted();
        const part = pictures.slice(start, start + batch);
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
  const latencyMs = await runAll(undefined, (output, size) => {
    for (let row = 0; row < size; row++) reference.push(answers.answerOf(output, row));
  });

  return {
    unreduced: { gmacs: modelCost(config).gmacs, latencyMs },

    async evaluate(reduction) {
      let picture = 0;
      let total = 0;
      let disagreements = 0;
      const spreads: number[] = [];
      const latencyMs = await runAll(reduction, (output, size) => {
        for (let row = 0; row < size; row++, picture++) {
          const answer = answers.answerOf(output, row);
          total += answers.divergenceOf(reference[picture]!, answer);
          if (answers.same && !answers.same(reference[picture]!, answer)) disagreements++;
        }
        for (const { tokensIn, variances } of output.stages)
          for (const variance of variances) spreads.push((tokensIn - specialTokens(config)) ** 2 * variance);
      });
      return {
        reduction,
        gmacs: modelCost(config, reduction).gmacs,
        latencyMs,
        divergence: total / pictures.length,
        ...(answers.same && { disagreements }),
        pictures: pictures.length,
        spreads,
      };
    },

    async spreads() {
      const layers = Array.from({ length: config.layers - 1 }, (_, layer) => layer);
      const values = layers.map((): number[] => []);
      await runAll({ layers, tokensRemoved: 1, threshold: "pool" }, ({ stages }) => {
        stages.forEach(({ tokensIn, variances }, i) => {
          for (const variance of variances) values[i]!.push((tokensIn - specialTokens(config)) ** 2 * variance);
        });
      });
      return layers.map((layer, i) => ({ layer, values: values[i]! }));
    },
  };
}
