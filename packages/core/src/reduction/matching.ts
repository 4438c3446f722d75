/** Bipartite soft matching, which pools similar tokens (section 3.3; Bolya et al., arXiv 2210.09461). */

import { hostTensor } from "../host-tensor.js";
import type { Ops, Picks, Tensor } from "../seam.js";
import type { ReductionStage } from "./policy.js";

/** The most tokens that one stage can merge away: all unprotected tokens of set A, or 0 if set B has none. */
export function mostMergeable(tokens: number, protectedTokens: number): number {
  const unprotectedA = Math.ceil(tokens / 2) - Math.ceil(protectedTokens / 2);
  const unprotectedB = Math.floor(tokens / 2) - Math.floor(protectedTokens / 2);
  return unprotectedB > 0 ? unprotectedA : 0;
}

/** Multiply-accumulates of comparing all keys with each other, with `keySize` channels in each head-averaged key. */
export const matchingMacs = ({ tokensIn }: ReductionStage, keySize: number): number => tokensIn * tokensIn * keySize;

/** More than any row, and small enough that sums with it are exact. */
const noRow = 2 ** 20;

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

  // Row j of a candidate holds 1 for every earlier candidate, so earlier times merged [B, N, 1] counts merges before j. If j itself
  // merges, the difference from its row becomes larger than any row. The constant stands first: quantisers of ONNX files turn
  // every constant second factor of a product into 8 bits, and rows are exact.
  const earlier = hostTensor([N, N], (i) => {
    const [j, other] = [Math.floor(i / N), i % N];
    if (!isA(j) || !isA(other)) return 0;
    if (other === j) return -noRow;
    return other < j ? 1 : 0;
  });
  // The output row of each token if no candidate before it merged away.
  const unmergedRow = hostTensor([N], (j) => {
    if (isB(j)) return firstRowOfB + (j - firstB) / 2;
    return isA(j) ? P + (j - firstA) / 2 : j;
  });

  return {
    /** Picks from keys [B, N, d] summed over heads. Sum and mean give the same cosines. */
    match: <T extends Tensor>(ops: Ops<T>, keys: T): Picks<T> =>
      ops.pickPartners(keys, { firstCandidate: firstA, firstPartner: firstB, firstRow: firstRowOfB }),

    /**
     * [B, N], the output row of each token. `rank` [B, N] is the rank of its similarity, largest first, with protected tokens
     * before all others. `picked` [B, N] is the row of its pick.
     */
    destinations<T extends Tensor>(ops: Ops<T>, rank: T, picked: T): T {
      const merged = ops.cast(ops.greater(P + r, rank), "float32");
      const mergedBefore = ops.matMul(ops.constant(earlier), ops.reshape(merged, [rank.shape[0]!, N, 1]));
      const row = ops.sub(ops.constant(unmergedRow), ops.reshape(mergedBefore, rank.shape));
      // The smaller one: a pick lies behind all candidates, so only a merged candidate has a larger row than its pick. Tokens
      // that are no candidates have no pick.
      return ops.where(ops.greater(row, picked), picked, row);
    },
  };
}
