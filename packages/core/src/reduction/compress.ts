/** One stage of PPT: decide per image, send every token to its row, and average what meets there. */
import type { Ops, Tensor } from "../backend.js";
import { hostTensor } from "../composites.js";
import { bipartiteMatching } from "./matching.js";
import type { ReductionStage } from "./schedule.js";
import { type Significance, significance } from "./significance.js";

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

export interface DestinationInput<T extends Tensor> extends Significance<T> {
  /** [B, N, C] */
  readonly keys: T;
}

export interface Destinations<T extends Tensor> {
  /** [B, N], the output row that each token is averaged into; from row `tokensOut` on it is dropped. */
  readonly destination: T;
  /** [B, 1] bool, true where the image is pooled; left out where all images share one policy. */
  readonly pools?: T | undefined;
}

/**
 * One ranking serves both policies: by similarity where the image is pooled, else by score. Pruning sends each token to
 * its rank, protected ones first, so that the `removed` lowest scores land beyond the last row.
 */
export function destinationRows(stage: ReductionStage, heads: number) {
  const { tokensIn: N, protectedTokens, threshold } = stage;
  const matching = threshold === "prune" ? undefined : bipartiteMatching(stage, heads);
  // Protected tokens score 2 and more, above any normalised score.
  const lead = hostTensor([N], (j) => (j < protectedTokens ? 1 + protectedTokens - j : 0));

  return <T extends Tensor>(ops: Ops<T>, input: DestinationInput<T>): Destinations<T> => {
    const { scores, variance, keys } = input;
    const ranked = () => ops.add(scores, ops.constant(lead));
    if (!matching) return { destination: ops.scope("prune", () => ops.rankDescending(ranked())) };

    // variance >= threshold prunes
    const pools = typeof threshold === "number" ? ops.greater(threshold, variance) : undefined;
    const { similarity, rowOfPick } = ops.scope("match", () => matching.match(ops, keys));
    const rank = ops.scope("rank", () =>
      ops.rankDescending(pools ? ops.where(pools, similarity, ranked()) : similarity),
    );
    const pooled = ops.scope("pool", () => matching.destinations(ops, rank, rowOfPick));
    return { destination: pools ? ops.where(pools, pooled, rank) : pooled, pools };
  };
}

/**
 * Both policies are one linear step: a destination row for each token, rows that meet are averaged by size.
 * size' = M size, x' = M (size x) / size', source' = M source with M[k, j] = (destination_j = k).
 */
export function reductionStage(stage: ReductionStage, heads: number) {
  const { tokensIn: N, tokensOut, protectedTokens } = stage;
  const scoresOf = significance(stage);
  const destinationsOf = destinationRows(stage, heads);
  const ones = hostTensor([1, N, 1], () => 1);

  const reduce = <T extends Tensor>(ops: Ops<T>, input: StageInput<T>): StageOutput<T> => {
    const { scores, variance } = ops.scope("significance", () => scoresOf(ops, input.classAttention, input.values));
    const { destination, pools } = destinationsOf(ops, { scores, variance, keys: input.keys });

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
