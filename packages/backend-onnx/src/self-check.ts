/** Whether a device computes an attention rightly: some return wrong numbers without a word. */
import { type Backend, hostTensor, type Program } from "@ppt-vit/core";

/** What comparing two ways to compute the same thing on one device found. */
export interface SelfCheck {
  readonly agrees: boolean;
  /** Largest difference over the largest value. */
  readonly difference?: number;
  /** Why there is no difference to tell. */
  readonly reason?: string;
}

/** The geometry of DeiT-Ti's attention after one stage. */
const [N, C, heads] = [147, 192, 3];
const scale = 1 / Math.sqrt(C / heads);

/** Operators take different paths with and without sizes. */
const attention: Program = (ops, _params, { q, k, v, logSize }) => ({
  plain: ops.attention(q!, k!, v!, { heads, scale }),
  sized: ops.attention(q!, k!, v!, { heads, scale, logSize: logSize! }),
});

/** Attention of one image of 147 tokens on a backend, without and with token sizes, one after the other. */
export async function runAttentionProbe(backend: Pick<Backend, "compile">): Promise<Float32Array> {
  const inputs = { q: [-1, N, C], k: [-1, N, C], v: [-1, N, C], logSize: [-1, N] };
  const executable = await backend.compile(attention, { params: {}, inputs });
  try {
    // Waves of different lengths: logits from about -10 to 10, so that attention is far from uniform.
    const wave = (step: number) => hostTensor([1, N, C], (i) => 1.5 * Math.sin(step * i + (i % C)));
    const { plain, sized } = await executable.run({
      q: wave(0.37),
      k: wave(0.41),
      v: wave(0.73),
      logSize: hostTensor([1, N], (i) => Math.log(1 + (i % 4))),
    });
    return Float32Array.of(...plain!.data, ...sized!.data);
  } finally {
    await executable.dispose();
  }
}

/** Compares the attention of two backends; `tolerance` is relative to the largest value. A failure is a finding too. */
export async function compareAttention(
  tested: Pick<Backend, "compile">,
  reference: Pick<Backend, "compile">,
  tolerance: number,
): Promise<SelfCheck> {
  const expected = await runAttentionProbe(reference);
  try {
    const difference = relativeDifference(await runAttentionProbe(tested), expected);
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
