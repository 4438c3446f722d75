/** One stage of token reduction: the policy assigns each token an output row, and tokens of one row are averaged. */

import { requireTensor } from "../checked-primitives.js";
import { PptError, type PptErrorCode } from "../errors.js";
import { callback, checkArgument, shaped } from "../options.js";
import type { Observation, Ops, Shape, Tensor } from "../seam.js";
import { sameShape, showShape } from "../shape.js";
import { answerOf } from "./answers.js";
import type { Destinations } from "./policy.js";
import type { ResolvedStage } from "./schedule.js";
import { significance } from "./significance.js";

/** What enters a stage: the N tokens of a block, between its attention and its MLP. */
export interface StageInput<T extends Tensor> extends Observation<T> {
  /** [B, N, C], tokens after the attention residual. Undefined if only sizes and source are wanted. */
  readonly x?: T | undefined;
  /** [B, N, 1], patches that each token stands for. Default: all 1. */
  readonly size?: T | undefined;
  /** [B or 1, N, N0], 1 where token i contains input token j, else 0. Undefined if no output needs it. */
  readonly source?: T | undefined;
  /** [B or 1, N, F], where tokens lie. Undefined if nobody asks. */
  readonly coordinates?: T | undefined;
}

/** What leaves a stage with N' tokens. */
export interface StageOutput<T extends Tensor> {
  /** [B, N', C], if the input had `x`. */
  readonly x?: T | undefined;
  /** [B, N', 1] */
  readonly size: T;
  /** [B, N', N0], if the input had `source`. */
  readonly source?: T | undefined;
  /** [B, N', F], the mean of the merged tokens' coordinates, weighted by size, if the input had `coordinates`. */
  readonly coordinates?: T | undefined;
  /** [B, N - protected], the significance of each token that entered. */
  readonly scores: T;
  /** [B, 1], the variance of the scores. */
  readonly variance: T;
  /** [B, 1], 1 where the image was pooled, else 0. Undefined if all images share one action. */
  readonly pooled?: T | undefined;
  /** [B, N], the output row of each token. Tokens that go nowhere are dropped. */
  readonly destination: T;
}

/**
 * Prepares one stage. Every policy is one linear step: each token goes to a destination row. Tokens of the same row are
 * averaged by size, or added up with the policy's weights. With M[k, j] = (destination_j = k):
 * size' = M size, x' = M (size x) / size' or M (weights x), source' = M source.
 */
export function reductionStage(stage: ResolvedStage, heads: number) {
  const { tokensIn: N, tokensOut, protectedTokens } = stage;
  const scoresOf = significance(stage);
  const { policy } = stage;
  const destinationsOf = answerOf(policy, "destinations", () => policy.destinations(stage, heads), callback);

  const reduce = <T extends Tensor>(ops: Ops<T>, input: StageInput<T>): StageOutput<T> => {
    const { classAttention, keys, source } = input;
    const { scores, variance } = ops.scope("significance", () => scoresOf(ops, input));
    const destinations = destinationsOf(ops, { scores, variance, classAttention, keys });
    checkDestinations(stage, destinations, classAttention.shape[0]!);
    const { destination, pools, weights } = destinations;

    const compressed = ops.scope("compress", () => {
      // In float32, because the sum of many tokens can overflow half precision.
      const x = input.x && ops.cast(input.x, "float32");
      const weighted = x && weights && ops.mul(x, weights);
      const { coordinates } = input;
      const located = coordinates && input.size ? ops.mul(coordinates, input.size) : coordinates;
      const adding = Object.entries({ weighted, source, located }).filter(([, value]) => value !== undefined);
      const { size, averaged, summed } = ops.compressTokens(destination, tokensOut, {
        size: input.size,
        averaged: weighted ? undefined : x,
        summed: adding.map(([, value]) => value!),
      });
      const sums: Partial<Record<string, T>> = Object.fromEntries(adding.map(([name], i) => [name, summed[i]!]));
      const merged = averaged ?? sums.weighted;
      return {
        size,
        x: merged && ops.cast(merged, input.x!.dtype),
        source: sums.source,
        coordinates: sums.located && ops.div(sums.located, size),
      };
    });
    return {
      ...compressed,
      scores: ops.slice(scores, 1, protectedTokens, N),
      variance,
      destination,
      pooled: pools && ops.cast(pools, "float32"),
    };
  };
  return <T extends Tensor>(ops: Ops<T>, input: StageInput<T>) => ops.scope("ppt", () => reduce(ops, input));
}

const destinationsCheck = shaped("an object { destination }, returned at once and not as a promise", {
  destination: (value) => value !== undefined,
});

/**
 * Requires a row for each image. Some operations would broadcast a single row over the batch and others would not, so the
 * outputs would silently differ in shape.
 * @throws PptError INVALID_INPUT for what is no tensor, INVALID_DTYPE for truths instead of numbers and the reverse,
 * INVALID_SHAPE
 */
function checkDestinations<T extends Tensor>(stage: ResolvedStage, given: Destinations<T>, B: number): void {
  const where = `policy '${stage.policy.name}'`;
  checkArgument(where, "what the program of destinations returned", given, destinationsCheck);
  const check = (name: keyof Destinations<T>, shape: Shape, bool: boolean, required: boolean) => {
    const x = given[name];
    if (x === undefined && !required) return;
    const expected = `expected ${bool ? "bool" : "numbers"} in the shape ${showShape(shape)}, a row for each image`;
    const refuse = (what: string, code: PptErrorCode): never => {
      throw new PptError(code, `${where}: ${name} is ${what}, ${expected}`);
    };
    if (x === undefined) return refuse("undefined", "INVALID_INPUT");
    requireTensor(where, name, x);
    if ((x.dtype === "bool") !== bool) refuse(x.dtype, "INVALID_DTYPE");
    if (!sameShape(x.shape, shape)) refuse(`${x.dtype} ${showShape(x.shape)}`, "INVALID_SHAPE");
  };
  const N = stage.tokensIn;
  check("destination", [B, N], false, true);
  check("pools", [B, 1], true, stage.action === "byImage");
  check("weights", [B, N, 1], false, false);
}
