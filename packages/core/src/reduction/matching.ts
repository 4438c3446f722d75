/** Pooling: bipartite soft matching of similar tokens (section 3.3; Bolya et al., arXiv 2210.09461). */
import type { Ops, Tensor } from "../backend.js";
import { hostTensor } from "../composites.js";
import type { ReductionStage } from "./schedule.js";

/**
 * keys [B, N, C] -> destination [B, N]: the output row that each token is averaged into.
 *
 * Even positions form set A, odd ones set B. Each unprotected A token picks the B token whose head-averaged key is most
 * similar by cosine; the `removed` A tokens with the best matches merge into their pick. Output order: protected tokens,
 * the other unmerged A tokens, the other B tokens, each in their own order.
 */
export function poolDestinations(stage: ReductionStage, heads: number) {
  const { tokensIn: N, protectedTokens: P, removed: r } = stage;
  const isA = (j: number) => j >= P && j % 2 === 0;
  const isB = (j: number) => j >= P && j % 2 === 1;
  const candidates = Math.ceil(N / 2) - Math.ceil(P / 2);
  const firstA = P + (P % 2);
  const firstB = P + 1 - (P % 2);
  const firstRowOfB = P + candidates - r;

  const mayMerge = hostTensor([N, N], (i) => (isA(Math.floor(i / N)) && isB(i % N) ? 1 : 0));
  const inA = hostTensor([N], (j) => (isA(j) ? 1 : 0));
  // Column j holds 1 for every earlier token: merged . before = merged tokens before j.
  const before = hostTensor([N, N], (i) => (Math.floor(i / N) < i % N ? 1 : 0));
  // The row of each token if nothing of A before it were merged.
  const unmergedRow = hostTensor([N], (j) => {
    if (isB(j)) return firstRowOfB + (j - firstB) / 2;
    return isA(j) ? P + (j - firstA) / 2 : j;
  });

  return <T extends Tensor>(ops: Ops<T>, keys: T): T => {
    const [B, , C] = keys.shape as [number, number, number];
    const perHead = ops.reshape(ops.cast(keys, "float32"), [B, N, heads, C / heads]);
    const mean = ops.reshape(ops.div(ops.sum(perHead, 2), heads), [B, N, C / heads]);
    const norm = ops.sqrt(ops.sum(ops.mul(mean, mean), 2));
    // A key of length 0 is like no other; without this it would be NaN and spoil every rank.
    const metric = ops.div(mean, ops.where(ops.greater(norm, 0), norm, 1));
    const cosine = ops.matMul(metric, ops.transpose(metric, [0, 2, 1]));
    // -2 is below any cosine and, unlike -Infinity, safe on every GPU.
    const similarity = ops.where(ops.greater(ops.constant(mayMerge), 0), cosine, -2);

    const best = ops.reshape(ops.max(similarity, 2), [B, N]);
    const merged = ops.greater(r, ops.rankDescending(best));
    // B token j lies in row firstRowOfB + (j - firstB) / 2
    const rowOfPick = ops.add(ops.mul(ops.argMax(similarity), 0.5), firstRowOfB - firstB / 2);

    const mergedOnes = ops.reshape(ops.cast(merged, "float32"), [B, 1, N]);
    const mergedBefore = ops.reshape(ops.matMul(mergedOnes, ops.constant(before)), [B, N]);
    const row = ops.sub(ops.constant(unmergedRow), ops.mul(mergedBefore, ops.constant(inA)));
    return ops.where(merged, rowOfPick, row);
  };
}
