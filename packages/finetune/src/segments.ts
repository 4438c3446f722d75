/**
 * Gradients with little memory: only what a block hands to the next is kept, and a block's activations are computed again when
 * its gradient is needed (Chen et al., arXiv 1604.06174). The program's outermost scopes are its blocks.
 */
import { collectTensors, type Ops, type Tensors } from "@ppt-vit/core/backend";
import type { ProgramTensor, TfTensor, TrainingEngine } from "./tfjs.js";

interface Segment {
  body(): unknown;
  /** The float tensors that it returned. */
  readonly outputs: readonly TfTensor[];
}

/**
 * The value of `lossOf(run(ops))` and its gradients, block by block. Call it inside `engine.run`. `run` must be pure: its scopes are
 * run a second time, on the tensors that the first run handed over.
 */
export function segmentGradients(
  engine: TrainingEngine,
  run: (ops: Ops<ProgramTensor>) => Tensors<ProgramTensor>,
  lossOf: (outputs: Tensors<ProgramTensor>) => TfTensor,
  xs: readonly TfTensor[],
): { value: TfTensor; gradients: (TfTensor | undefined)[] } {
  const { tf, ops } = engine;
  const isTensor = (value: unknown): value is TfTensor => value instanceof tf.Tensor;
  const floats = (value: unknown) => collectTensors(value as ProgramTensor, isTensor as never) as TfTensor[];
  const isFirst = (x: TfTensor, i: number, all: readonly TfTensor[]) => all.findIndex(({ id }) => id === x.id) === i;
  const segments: Segment[] = [];
  let depth = 0;
  const recording: Ops<ProgramTensor> = {
    ...ops,
    scope(name, body) {
      if (depth > 0) return ops.scope(name, body);
      depth++;
      try {
        const result = ops.scope(name, body);
        segments.push({ body: () => ops.scope(name, body), outputs: floats(result) });
        return result;
      } finally {
        depth--;
      }
    },
  };

  const outputs = run(recording);
  // Inner scopes of a second run belong to their block.
  depth = 1;
  const handed = segments.map((segment) => segment.outputs);
  const gradientOf = new Map<number, TfTensor>();
  const add = (x: TfTensor, gradient: TfTensor | undefined) => {
    if (!gradient) return;
    const before = gradientOf.get(x.id);
    // None is freed here: the gradient of a sum is one tensor for all its terms. `engine.run` frees them.
    gradientOf.set(x.id, before ? tf.add(before, gradient) : gradient);
  };
  /** Adds the gradients of `f` with respect to the parameters and to what the first `before` segments handed over. */
  const descend = (f: () => TfTensor, before: number): TfTensor => {
    const sources = [...xs, ...handed.slice(0, before).flat()];
    const { value, gradients } = engine.gradients(() => tf.tidy(f), sources);
    for (const [i, x] of sources.entries()) add(x, gradients[i]);
    return value;
  };

  const value = descend(() => lossOf(outputs), segments.length);
  for (const [i, { body, outputs: kept }] of [...segments.entries()].reverse()) {
    // A block may hand on what it was given. Its gradient then goes to the block before, so it is taken out first.
    const wanted = kept.map((x, k) => (isFirst(x, k, kept) ? gradientOf.get(x.id) : undefined));
    for (const x of kept) gradientOf.delete(x.id);
    if (wanted.every((gradient) => gradient === undefined)) continue;
    descend(() => {
      const again = floats(body());
      // The gradient of sum(y dy) is that of y, given dy.
      const products = again.flatMap((y, k) => (wanted[k] ? [tf.sum(tf.mul(y, wanted[k]))] : []));
      return products.reduce((sum, product) => tf.add(sum, product));
    }, i).dispose();
  }
  return { value, gradients: xs.map((x) => gradientOf.get(x.id)) };
}
