/** One stage of PPT: decide per image, send every token to its row, and average what meets there. */
import type { Ops, Tensor } from "../backend.js";
import { hostTensor } from "../composites.js";
import { poolDestinations } from "./matching.js";
import type { ReductionStage } from "./schedule.js";
import { pruneDestinations, significance } from "./significance.js";

export interface StageInput<T extends Tensor> {
  /** [B, N, C] tokens after the attention residual. Left out where only sizes and source are wanted. */
  readonly x?: T | undefined;
  /** [B, N, 1] patches that each token stands for; all 1 when left out. */
  readonly size?: T | undefined;
  /** [B or 1, N, N0], 1 where token i contains input token j. */
  readonly source?: T | undefined;
  /** [B, N], the class token's attention row summed over heads. */
  readonly classAttention: T;
  /** [B, N, C] keys and values of this block's attention. */
  readonly keys: T;
  readonly values: T;
}

export interface StageOutput<T extends Tensor> {
  readonly x?: T | undefined;
  readonly size: T;
  readonly source?: T | undefined;
  /** [B, N - protected] */
  readonly scores: T;
  /** [B, 1] */
  readonly variance: T;
  /** [B, 1], 1 where the image was pooled; left out where all images share one policy. */
  readonly pooled?: T | undefined;
}

/**
 * Both policies are one linear step: a destination row for each token, rows that meet are averaged by size.
 * size' = M size, x' = M (size x) / size', source' = M source with M[k, j] = (destination_j = k).
 */
export function reductionStage(stage: ReductionStage, heads: number) {
  const { tokensIn: N, tokensOut, protectedTokens, threshold } = stage;
  const scoresOf = significance(stage);
  // Tables of N x N, so only for policies that may come up.
  const pruneRows = threshold === "pool" ? undefined : pruneDestinations(stage);
  const poolRows = threshold === "prune" ? undefined : poolDestinations(stage, heads);
  const ones = hostTensor([1, N, 1], () => 1);

  const reduce = <T extends Tensor>(ops: Ops<T>, input: StageInput<T>): StageOutput<T> => {
    const { scores, variance } = ops.scope("significance", () => scoresOf(ops, input.classAttention, input.values));

    const pruned = pruneRows && ops.scope("prune", () => pruneRows(ops, scores));
    const pooled = poolRows && ops.scope("pool", () => poolRows(ops, input.keys));
    // variance >= threshold prunes
    const pools = typeof threshold === "number" ? ops.greater(threshold, variance) : undefined;
    const destination = pools && pruned && pooled ? ops.where(pools, pooled, pruned) : (pruned ?? pooled)!;

    const compressed = ops.scope("compress", () => {
      const { source } = input;
      const size = input.size ?? ops.constant(ones);
      // The sum of many tokens overflows half precision.
      const x = input.x && ops.cast(input.x, "float32");
      const weighted = x && input.size ? ops.mul(x, size) : x;
      const [newSize, ...rest] = ops.compressTokens(
        destination,
        tokensOut,
        [size, weighted, source].filter((value) => value !== undefined),
      );
      return {
        size: newSize!,
        x: input.x && ops.cast(ops.div(rest[0]!, newSize!), input.x.dtype),
        source: source && rest[x ? 1 : 0],
      };
    });
    return {
      ...compressed,
      scores: ops.slice(scores, 1, protectedTokens, N),
      variance,
      pooled: pools && ops.cast(pools, "float32"),
    };
  };
  return <T extends Tensor>(ops: Ops<T>, input: StageInput<T>) => ops.scope("ppt", () => reduce(ops, input));
}
