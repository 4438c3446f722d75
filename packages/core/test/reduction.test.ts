/** Tests the reduction steps against a plain sort-and-scatter version of the paper, image by image. */
import { createCpuBackend } from "@ppt-vit/backend-cpu";
import type { HostTensor, Program } from "@ppt-vit/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { reductionStage } from "../src/reduction/compress.js";
import { ppt } from "../src/reduction/policies/ppt.js";
import { planReduction, type ResolvedStage } from "../src/reduction/schedule.js";
import { significance } from "../src/reduction/significance.js";

const stageOf = (tokens: number, protectedTokens: number, removed: number) =>
  planReduction({ layers: [0], tokensRemoved: removed, threshold: 1 }, { layers: 1, tokens, protectedTokens })
    .stages[0];

async function run(program: Program, feeds: Record<string, HostTensor>): Promise<Record<string, HostTensor>> {
  const inputs = Object.fromEntries(Object.entries(feeds).map(([name, x]) => [name, x.shape]));
  return (await createCpuBackend().compile(program, { params: {}, inputs })).run(feeds);
}

/** The output row of each token of one image under a policy. */
async function destinations(stage: ResolvedStage, input: { scores?: number[]; keys?: number[][] }) {
  const threshold = input.scores ? "prune" : "pool";
  const keys = input.keys ?? input.scores!.map(() => [0]);
  const { destination } = await run(
    (ops, _params, { scores, keys }) => {
      const variance = ops.sum(scores!, 1);
      const rows = ppt.destinations({ ...stage, settings: { threshold } })(ops, {
        scores: scores!,
        variance,
        keys: keys!,
      });
      return { destination: rows.destination };
    },
    {
      scores: { shape: [1, keys.length], data: Float32Array.from(input.scores ?? keys.map(() => 0)) },
      keys: { shape: [1, keys.length, keys[0]!.length], data: Float32Array.from(keys.flat()) },
    },
  );
  return Array.from(destination!.data);
}

/** Indices of `values`, highest first. Equal values keep their order. */
const descending = (values: number[], among: number[]) => [...among].sort((a, b) => values[b]! - values[a]! || a - b);

/** Indices of the tokens that pruning keeps, in output order. */
function prunedOrder(scores: number[], protectedTokens: number, removed: number): number[] {
  const special = Array.from({ length: protectedTokens }, (_, j) => j);
  const rest = scores.map((_, j) => j).slice(protectedTokens);
  return [...special, ...descending(scores, rest).slice(0, rest.length - removed)];
}

/** The tokens that each output row averages, in output order. */
function pooledGroups(keys: number[][], protectedTokens: number, removed: number): number[][] {
  const tokens = keys.map((_, j) => j);
  const isProtected = (j: number) => j < protectedTokens;
  const A = tokens.filter((j) => j % 2 === 0 && !isProtected(j));
  const B = tokens.filter((j) => j % 2 === 1 && !isProtected(j));
  // Values are rounded to float32 where the program stores a tensor, so both see the same ties.
  const { fround } = Math;
  const metric = keys.map((key) => {
    const norm = fround(Math.sqrt(fround(key.reduce((sum, k) => sum + fround(k * k), 0))));
    return key.map((k) => fround(k / norm));
  });
  const cosine = (i: number, j: number) => fround(metric[i]!.reduce((sum, k, c) => sum + k * metric[j]![c]!, 0));
  const picks = A.map((a) => B.reduce((best, b) => (cosine(a, b) > cosine(a, best) ? b : best)));
  const best = A.map((a, i) => cosine(a, picks[i]!));
  const order = descending(
    best,
    A.map((_, i) => i),
  );
  const merged = new Set(order.slice(0, removed));
  const groups = new Map(B.map((b) => [b, [b]]));
  for (const i of merged) groups.get(picks[i]!)!.push(A[i]!);
  return [
    ...tokens.filter(isProtected).map((j) => [j]),
    ...A.filter((_, i) => !merged.has(i)).map((a) => [a]),
    ...groups.values(),
  ];
}

const geometry = fc
  .record({
    protectedTokens: fc.integer({ min: 1, max: 5 }),
    patches: fc.integer({ min: 2, max: 40 }),
    removed: fc.integer({ min: 1, max: 30 }),
  })
  .map(({ protectedTokens, patches, removed }) => ({ N: protectedTokens + patches, protectedTokens, removed }));

describe("pruning", () => {
  it("keeps protected tokens first and the rest by descending score, ties in order", async () => {
    await fc.assert(
      fc.asyncProperty(
        geometry,
        fc.infiniteStream(fc.integer({ min: 0, max: 6 })),
        async ({ N, protectedTokens, removed }, values) => {
          const stage = stageOf(N, protectedTokens, removed);
          if (!stage) return;
          const scores = Array.from({ length: N }, (_, j) => (j < protectedTokens ? 0 : values.next().value! / 8));
          const rows = await destinations(stage, { scores });
          const order = Array.from({ length: stage.tokensOut }, (_, row) => rows.indexOf(row));
          expect(order).toEqual(prunedOrder(scores, protectedTokens, stage.removed));
        },
      ),
      { seed: 1, numRuns: 200 },
    );
  });
});

describe("pooling", () => {
  it("merges the best-matching A tokens into their picks, ties to the lower index", async () => {
    await fc.assert(
      fc.asyncProperty(
        geometry,
        fc.infiniteStream(fc.integer({ min: -2, max: 2 })),
        async ({ N, protectedTokens, removed }, values) => {
          const stage = stageOf(N, protectedTokens, removed);
          if (!stage) return;
          // Few distinct keys make many similarities tie. The constant keeps lengths above 0.
          const keys = Array.from({ length: N }, () => [values.next().value!, values.next().value!, 3]);
          const rows = await destinations(stage, { keys });
          const groups = Array.from({ length: stage.tokensOut }, (_, row) =>
            rows.map((to, j) => (to === row ? j : -1)).filter((j) => j >= 0),
          );
          const expected = pooledGroups(keys, protectedTokens, stage.removed).map((group) =>
            group.sort((a, b) => a - b),
          );
          expect(groups).toEqual(expected);
        },
      ),
      { seed: 2, numRuns: 200 },
    );
  });

  it("survives keys of length zero", async () => {
    const stage = stageOf(9, 1, 3)!;
    const rows = await destinations(stage, { keys: Array.from({ length: 9 }, () => [0, 0, 0, 0]) });
    expect(rows.filter((row) => row < 6).length).toBe(9);
    expect(new Set(rows).size).toBe(6);
  });
});

describe("significance", () => {
  it("sums to 1 over unprotected tokens and has their unbiased variance", async () => {
    const stage = stageOf(6, 2, 1)!;
    const attention = [0.3, 0.2, 0.1, 0.15, 0.05, 0.2];
    const lengths = [9, 9, 1, 2, 3, 4];
    const { scores, variance } = await run(
      (ops, _params, { a, v }) => ({ ...significance(stage)(ops, { classAttention: a!, valueNorms: v! }) }),
      {
        a: { shape: [1, 6], data: Float32Array.from(attention) },
        v: { shape: [1, 6], data: Float32Array.from(lengths) },
      },
    );
    const raw = attention.map((a, j) => (j < 2 ? 0 : a * lengths[j]!));
    const sum = raw.reduce((a, b) => a + b);
    raw.forEach((s, j) => void expect(scores!.data[j]).toBeCloseTo(s / sum, 6));
    const expected = raw.slice(2).reduce((total, s) => total + (s / sum - 1 / 4) ** 2, 0) / 3;
    expect(variance!.data[0]).toBeCloseTo(expected, 7);
  });
});

describe("the policy", () => {
  /** Whether an image is pooled at this threshold, and the variance of its scores. */
  async function decide(threshold: number) {
    const stage = { ...stageOf(6, 1, 2)!, settings: { threshold } };
    const tokens = Float32Array.from({ length: 18 }, (_, i) => Math.sin(i * i));
    const { pooled, variance } = await run(
      (ops, _params, { a, k, x }) => {
        const observed = { classAttention: a!, keys: k!, valueNorms: ops.reshape(ops.l2Norm(k!), [1, 6]) };
        const { pooled, variance } = reductionStage(stage, 1)(ops, { ...observed, x: x! });
        return { pooled: pooled!, variance };
      },
      {
        a: { shape: [1, 6], data: Float32Array.of(0.1, 0.3, 0.1, 0.2, 0.2, 0.1) },
        k: { shape: [1, 6, 3], data: tokens },
        x: { shape: [1, 6, 3], data: tokens },
      },
    );
    return { pools: pooled!.data[0] === 1, variance: variance!.data[0]! };
  }

  it("is to prune from a variance equal to the threshold on", async () => {
    const { variance } = await decide(1);
    expect((await decide(variance)).pools).toBe(false);
    expect((await decide(variance * (1 + 1e-6))).pools).toBe(true);
    expect((await decide(variance * (1 - 1e-6))).pools).toBe(false);
  });
});

describe("significance of values of length zero", () => {
  it("is zero, not NaN, and every token finds a row", async () => {
    const stage = stageOf(6, 1, 2)!;
    const { scores } = await run(
      (ops, _params, { a, v }) => ({ scores: significance(stage)(ops, { classAttention: a!, valueNorms: v! }).scores }),
      {
        a: { shape: [1, 6], data: new Float32Array(6).fill(1 / 6) },
        v: { shape: [1, 6], data: new Float32Array(6) },
      },
    );
    expect(Array.from(scores!.data)).toEqual([0, 0, 0, 0, 0, 0]);
    expect(await destinations(stage, { scores: Array.from(scores!.data) })).toEqual([0, 1, 2, 3, 4, 5]);
  });
});
