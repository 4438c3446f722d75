/** Whether a device computes an attention rightly: some return wrong numbers without a word. */
import { type Backend, hostTensor, type Program } from "@ppt-vit/core";

/** What comparing two ways to compute the same thing on one device found. */
export interface SelfCheck {
  readonly agrees: boolean;
  /** Largest difference over the largest value of an output. */
  readonly difference?: number;
  /** Why there is no difference to tell. */
  readonly reason?: string;
}

/** The geometry of DeiT-Ti's attention after one stage. */
const [N, C, heads] = [147, 192, 3];
const scale = 1 / Math.sqrt(C / heads);

/** From -1/2 to 1/2 without a pattern: waves could be in step with those of the tokens. */
function noise(at: number): number {
  const x = Math.sin(at * 12.9898) * 43758.5453;
  return x - Math.floor(x) - 0.5;
}

/** Weights that give queries, keys and values of the size of the tokens. */
const projections = Object.fromEntries(
  ["query", "key", "value"].map((name, i) => [
    name,
    hostTensor([C, C], (at) => noise(at + i * C * C) * Math.sqrt(12 / C)),
  ]),
);

/** Operators take different paths with and without sizes. */
const attention: Program = (ops, _params, { q, k, v, logSize }) => ({
  plain: ops.attention(q!, k!, v!, { heads, scale }),
  sized: ops.attention(q!, k!, v!, { heads, scale, logSize: logSize! }),
});

/** The same where an operator projects as well, and what a reduction looks at. */
const selfAttention: Program = (ops, { query, key, value }, { q, v, logSize }) => {
  const weights = { query: { weight: query! }, key: { weight: key! }, value: { weight: value! } };
  const sized = ops.selfAttention(q!, weights, { heads, scale, logSize: logSize!, observe: true });
  return { plain: ops.selfAttention(v!, weights, { heads, scale }).mixed, sized: sized.mixed, ...sized.observed! };
};

/** Outputs of `program` for one image of 147 tokens. */
async function probe(backend: Pick<Backend, "compile">, program: Program): Promise<readonly Float32Array[]> {
  const inputs = { q: [-1, N, C], k: [-1, N, C], v: [-1, N, C], logSize: [-1, N] };
  const executable = await backend.compile(program, { params: projections, inputs });
  try {
    // Waves of different lengths: logits from about -10 to 10, so that attention is far from uniform.
    const wave = (step: number) => hostTensor([1, N, C], (i) => 1.5 * Math.sin(step * i + (i % C)));
    const outputs = await executable.run({
      q: wave(0.37),
      k: wave(0.41),
      v: wave(0.73),
      logSize: hostTensor([1, N], (i) => Math.log(1 + (i % 4))),
    });
    return Object.keys(outputs)
      .sort()
      .map((name) => outputs[name]!.data);
  } finally {
    await executable.dispose();
  }
}

/**
 * Compares the attention of two backends, with `projected` also where it projects by itself; `tolerance` is relative to the
 * largest value of an output. A failure is a finding too.
 */
export async function compareAttention(
  tested: Pick<Backend, "compile">,
  reference: Pick<Backend, "compile">,
  tolerance: number,
  projected = false,
): Promise<SelfCheck> {
  const programs = projected ? [attention, selfAttention] : [attention];
  const outputsOf = async (backend: Pick<Backend, "compile">) =>
    (await Promise.all(programs.map((program) => probe(backend, program)))).flat();
  const expected = await outputsOf(reference);
  try {
    const found = await outputsOf(tested);
    const difference = Math.max(...expected.map((output, i) => relativeDifference(found[i]!, output)));
    if (Number.isFinite(difference)) return { agrees: difference < tolerance, difference };
    return { agrees: false, reason: "it gives NaN" };
  } catch (error) {
    return { agrees: false, reason: (error instanceof Error ? error.message : String(error)).split("\n")[0]! };
  }
}

/** Largest difference over the largest value of `b`; NaN, and a value where all should be zero, are infinitely far. */
export function relativeDifference(a: Float32Array, b: Float32Array): number {
  let [difference, largest] = [0, 0];
  for (const [i, value] of b.entries()) {
    const distance = Math.abs(a[i]! - value);
    if (Number.isNaN(distance)) return Number.POSITIVE_INFINITY;
    difference = Math.max(difference, distance);
    largest = Math.max(largest, Math.abs(value));
  }
  return difference === 0 ? 0 : difference / largest;
}
