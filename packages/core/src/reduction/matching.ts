/** Pooling: bipartite soft matching of similar tokens (section 3.3; Bolya et al., arXiv 2210.09461). */

import { hostTensor } from "../composites.js";
import type { Ops, Tensor } from "../seam.js";
import type { ReductionStage } from "./policy.js";

export interface Matching<T extends Tensor> {
  /** [B, N], cosine between a candidate and its pick; below any cosine for tokens that never merge away. */
  readonly similarity: T;
  /** [B, N], the output row of the token that a candidate would merge into. */
  readonly rowOfPick: T;
}

/** Most tokens that one stage can merge away: every unprotected token of set A, if set B offers a partner. */
export function mostMergeable(tokens: number, protectedTokens: number): number {
  const unprotectedA = Math.ceil(tokens / 2) - Math.ceil(protectedTokens / 2);
  const unprotectedB = Math.floor(tokens / 2) - Math.floor(protectedTokens / 2);
  return unprotectedB > 0 ? unprotectedA : 0;
}

/** Multiply-accumulates of comparing all keys, averaged over heads, with each other. */
export const matchingMacs = ({ tokensIn }: ReductionStage, keySize: number): number => tokensIn * tokensIn * keySize;

/**
 * Even positions form set A, odd ones set B. Each unprotected A token is a candidate and picks the unprotected B token
 * whose head-averaged key is most similar by cosine; the `removed` candidates with the best matches merge into their
 * picks. Output order: protected tokens, the other unmerged A tokens, the other B tokens, each in their own order.
 */
export function bipartiteMatching(stage: ReductionStage) {
  const { tokensIn: N, protectedTokens: P, removed: r } = stage;
  const isA = (j: number) => j >= P && j % 2 === 0;
  const isB = (j: number) => j >= P && j % 2 === 1;
  const candidates = Math.ceil(N / 2) - Math.ceil(P / 2);
  const firstA = P + (P % 2);
  const firstB = P + 1 - (P % 2);
  const firstRowOfB = P + candidates - r;

  // Cosines span 2: behind every candidate and, unlike -Infinity, safe on every GPU.
  const handicap = hostTensor([N], (j) => (isA(j) ? 0 : -4));
  // Column j of an A token holds 1 for every earlier token: merged . earlier = merged tokens before j.
  const earlier = hostTensor([N, N], (i) => (isA(i % N) && Math.floor(i / N) < i % N ? 1 : 0));
  // The row of each token if nothing of A before it were merged.
  const unmergedRow = hostTensor([N], (j) => {
    if (isB(j)) return firstRowOfB + (j - firstB) / 2;
    return isA(j) ? P + (j - firstA) / 2 : j;
  });

  return {
    /** keys [B, N, d], summed over heads, which is as good as their mean: a cosine has no scale. */
    match<T extends Tensor>(ops: Ops<T>, keys: T): Matching<T> {
      // A key of length 0 is like no other.
      const metric = ops.lpNormalize(keys, 2);
      const cosine = ops.matMul(metric, ops.transpose(ops.slice(metric, 1, firstB, N, 2), [0, 2, 1]));
      const best = ops.reshape(ops.max(cosine, 2), [keys.shape[0]!, N]);
      return {
        similarity: ops.add(best, ops.constant(handicap)),
        rowOfPick: ops.add(ops.argMax(cosine), firstRowOfB),
      };
    },

    /** Row that each token is averaged into; `rank` [B, N] is the place of its similarity in descending order. */
    destinations<T extends Tensor>(ops: Ops<T>, rank: T, rowOfPick: T): T {
      const merged = ops.greater(r, rank);
      const mergedBefore = ops.matMul(ops.cast(merged, "float32"), ops.constant(earlier));
      return ops.where(merged, rowOfPick, ops.sub(ops.constant(unmergedRow), mergedBefore));
    },
  };
}
