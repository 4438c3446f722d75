/**
 * PiToMe: merges among the tokens that resemble most others, and protects the rest (Tran et al., "Accelerating Transformers with
 * Spectrum-Preserving Token Merging", arXiv 2405.16148, section 3.2). The code is written from the paper.
 *
 * In block l of L the margin is m = 0.9 - 0.9 l / L. A token's energy is high where many others are like it:
 *   E_i = 1/n sum over the n unprotected j of f(cos(key_i, key_j)),   f(x) = x if x >= m, else exp(x - m) - 1
 * To remove r tokens, the 2 r of the highest energy are sorted by it and take turns: the first, third, ... form set A, the others set B.
 * Every token of A merges into argmax over B of cos(key_a, key_b). Rows: protected tokens, then B, then the rest, by descending energy.
 *
 * Checked against the authors' published code (hchautran/PiToMe, algo/pitome/merge.py): the mean over cosines, the 2 r of the highest
 * energy, their turns and their partners agree. It differs from the paper, and so from this file, in three points: its f(x) is x - m
 * above the margin, which joins the other branch without a jump; its margin falls to 0.1 and not to 0; and by default it compares
 * tokens and not keys. The mean here leaves out protected tokens, as there. The text of the paper was not at hand for this check.
 */
import { hostTensor } from "../../host-tensor.js";
import type { Ops, Tensor } from "../../seam.js";
import { matchingMacs } from "../matching.js";
import type { Destinations, PolicyInput, ReductionPolicy, ReductionStage } from "../policy.js";
import { cosine, descending, type PolicyReference } from "../reference.js";

/** The margin of the first block, which falls to 0 behind the last. */
const firstMargin = 0.9;

const marginOf = ({ layer, depth }: Pick<ReductionStage, "layer" | "depth">): number =>
  firstMargin - (firstMargin * layer) / depth;

/** Below every cosine. */
const noCosine = -4;

function destinations(stage: ReductionStage) {
  const { tokensIn: N, protectedTokens: P, removed: r } = stage;
  const margin = marginOf(stage);
  const isA = (rank: number) => rank >= P && rank < P + 2 * r && (rank - P) % 2 === 0;
  const isB = (rank: number) => rank >= P && rank < P + 2 * r && (rank - P) % 2 === 1;
  const unprotected = hostTensor([N, 1], (j) => (j < P ? 0 : 1));
  const ranks = hostTensor([N, 1], (rank) => rank);
  // What each rank means: the output row where it is no A, and whether it is an A, and a B. The constant stands first, as in matching.
  const meaning = hostTensor([3, N], (i) => {
    const [which, rank] = [Math.floor(i / N), i % N];
    if (which === 1) return isA(rank) ? 1 : 0;
    if (which === 2) return isB(rank) ? 1 : 0;
    if (isB(rank)) return P + (rank - P - 1) / 2;
    return rank < P + 2 * r ? rank : rank - r;
  });
  return <T extends Tensor>(ops: Ops<T>, { keys }: PolicyInput<T>): Destinations<T> => {
    const B = keys.shape[0]!;
    const metric = ops.lpNormalize(keys, 2);
    const cosines = ops.matMul(metric, ops.transpose(metric, [0, 2, 1]));
    const rank = ops.scope("rank", () => {
      const apart = ops.sub(ops.exp(ops.sub(cosines, margin)), 1);
      const likeness = ops.where(ops.greater(margin, cosines), apart, cosines);
      // The sum over the columns. The mean ranks as the sum does.
      const energy = ops.sum(ops.mul(likeness, ops.constant(unprotected)), 1);
      return ops.rankDescending(ops.reshape(energy, [B, N]), P);
    });
    const byToken = ops.scope("match", () => {
      // [B, N, N], 1 where a token (column) has a rank (row).
      const hasRank = ops.cast(ops.equal(ops.constant(ranks), ops.reshape(rank, [B, 1, N])), "float32");
      return ops.matMul(ops.constant(meaning), hasRank);
    });
    const meaningOf = (which: number) => ops.slice(byToken, 1, which, which + 1);
    const row = meaningOf(0);
    return {
      destination: ops.scope("merge", () => {
        const partners = ops.where(ops.greater(meaningOf(2), 0.5), cosines, noCosine);
        // Of equal cosines the first row counts, which has the largest negated row.
        const isPick = ops.equal(partners, ops.max(partners, 2));
        const negated = ops.where(isPick, ops.mul(row, -1), -N);
        const picked = ops.mul(ops.reshape(ops.max(negated, 2), [B, N]), -1);
        return ops.where(ops.greater(ops.reshape(meaningOf(1), [B, N]), 0.5), picked, ops.reshape(row, [B, N]));
      }),
    };
  };
}

export const pitome = {
  name: "pitome",
  title: "PiToMe",
  description: "averages tokens that resemble many others, and protects those that resemble few",
  colour: "#999933",
  proportionalAttention: true,
  inEveryBlock: true,
  mostRemovable: (tokens, protectedTokens) => Math.max(0, Math.floor((tokens - protectedTokens) / 2)),
  action: () => "pool",
  macs: matchingMacs,
  destinations,
} as const satisfies ReductionPolicy;

export const pitomeReference: PolicyReference = {
  settings: {},
  rows({ keys, unprotected, removed, layer, depth }) {
    const margin = 0.9 - (0.9 * layer) / depth;
    const energies = unprotected.map((i) => {
      const terms = unprotected.map((j) => {
        const x = cosine(keys[i]!, keys[j]!);
        return x >= margin ? x : Math.exp(x - margin) - 1;
      });
      return terms.reduce((sum, term) => sum + term, 0) / unprotected.length;
    });
    const order = descending(energies).map((i) => unprotected[i]!);
    const mergeable = order.slice(0, 2 * removed);
    const A = mergeable.filter((_, place) => place % 2 === 0);
    const B = mergeable.filter((_, place) => place % 2 === 1);
    const likeness = (a: number, b: number) => cosine(keys[a]!, keys[b]!);
    const picks = A.map((a) => B.reduce((best, b) => (likeness(a, b) > likeness(a, best) ? b : best)));
    return [
      ...B.map((b) => ({ tokens: [b, ...A.filter((_, i) => picks[i] === b)] })),
      ...order.slice(2 * removed).map((token) => ({ tokens: [token] })),
    ];
  },
};
