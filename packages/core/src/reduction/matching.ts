/** Bipartite soft matching, which pools similar tokens (section 3.3; Bolya et al., arXiv 2210.09461). */

import { hostTensor } from "../composites.js";
import type { Ops, Tensor } from "../seam.js";
import type { ReductionStage } from "./policy.js";

/** Each candidate's most similar partner, its pick. */
export interface Matching<T extends Tensor> {
  /** [B, N], cosine between a candidate and its pick. Tokens that are not candidates get less than any cosine. */
  readonly similarity: T;
  /** [B, N], the output row of each candidate's pick. */
  readonly rowOfPick: T;
}

/** The most tokens that one stage can merge away: all unprotected tokens of set A, or 0 if set B has none. */
export function mostMergeable(tokens: number, protectedTokens: number): number {
  const unprotectedA = Math.ceil(tokens / 2) - Math.ceil(protectedTokens / 2);
  const unprotectedB = Math.floor(tokens / 2) - Math.floor(protectedTokens / 2);
  return unprotectedB > 0 ? unprotectedA : 0;
}

/** Multiply-accumulates of comparing all keys with each other, with `keySize` channels in each head-averaged key. */
export const matchingMacs = ({ tokensIn }: ReductionStage, keySize: number): number => tokensIn * tokensIn * keySize;

/**
 * Prepares the matching of one stage. Even positions form set A, odd positions set B. Each unprotected A token is a
 * candidate. It picks the unprotected B token whose head-averaged key has the largest cosine to its own. The `removed`
 * candidates with the largest cosines merge into their picks. Output rows: protected tokens, then unmerged candidates, then
 * unprotected B tokens, each group in input order.
 */
export function bipartiteMatching(stage: ReductionStage) {
  const { tokensIn: N, protectedTokens: P, removed: r } = stage;
  const isA = (j: number) => j >= P && j % 2 === 0;
  const isB = (j: number) => j >= P && j % 2 === 1;
  const candidates = Math.ceil(N / 2) - Math.ceil(P / 2);
  const firstA = P + (P % 2);
  const firstB = P + 1 - (P % 2);
  const firstRowOfB = P + candidates - r;

  // Cosines lie from -1 to 1, so -4 puts a token behind every candidate. Some GPUs mishandle -Infinity.
  const handicap = hostTensor([N], (j) => (isA(j) ? 0 : -4));
  // Row j of a candidate holds 1 for every earlier token, so earlier times merged [B, N, 1] counts merges before j. The constant
  // stands first: quantisers of ONNX files turn every constant second factor of a product into 8 bits, and rows are exact.
  const earlier = hostTensor([N, N], (i) => (isA(Math.floor(i / N)) && i % N < Math.floor(i / N) ? 1 : 0));
  // The output row of each token if no candidate before it merged away.
  const unmergedRow = hostTensor([N], (j) => {
    if (isB(j)) return firstRowOfB + (j - firstB) / 2;
    return isA(j) ? P + (j - firstA) / 2 : j;
  });

  return {
    /** Picks from keys [B, N, d] summed over heads. Sum and mean give the same cosines. */
    match<T extends Tensor>(ops: Ops<T>, keys: T): Matching<T> {
      // A key of length 0 stays 0, so its cosine with every other is 0.
      const metric = ops.lpNormalize(keys, 2);
      const cosine = ops.matMul(metric, ops.transpose(ops.slice(metric, 1, firstB, N, 2), [0, 2, 1]));
      const best = ops.reshape(ops.max(cosine, 2), [keys.shape[0]!, N]);
      return {
        similarity: ops.add(best, ops.constant(handicap)),
        rowOfPick: ops.add(ops.argMax(cosine), firstRowOfB),
      };
    },

    /** [B, N], the output row of each token. `rank` [B, N] is the rank of its similarity, largest first. */
    destinations<T extends Tensor>(ops: Ops<T>, rank: T, rowOfPick: T): T {
      const merged = ops.greater(r, rank);
      const column = ops.reshape(ops.cast(merged, "float32"), [rank.shape[0]!, N, 1]);
      const mergedBefore = ops.reshape(ops.matMul(ops.constant(earlier), column), rank.shape);
      return ops.where(merged, rowOfPick, ops.sub(ops.constant(unmergedRow), mergedBefore));
    },
  };
}
