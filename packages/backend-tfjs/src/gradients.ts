/** Gradients that TensorFlow.js lacks, or computes slowly. They count only under a gradient tape, as `tf.grads` records it. */
import type { Tfjs, TfTensor } from "./tfjs.js";

/** What TensorFlow.js keeps from itself: its functions of these names are private, but its own operations call them. */
interface Recorder {
  runKernelFunc(operation: {
    forwardFunc(engine: unknown, save: Save): TfTensor;
    backwardsFunc(dy: TfTensor, saved: TfTensor[]): Record<string, () => TfTensor>;
    inputs: Record<string, TfTensor>;
  }): TfTensor;
}

/** Keeps tensors until the gradient has been computed. The inputs themselves may be freed before. */
type Save = (tensors: TfTensor[]) => void;

/** An operation with a gradient of its own. */
export interface Differentiable<Name extends string> {
  readonly inputs: Readonly<Record<Name, TfTensor>>;
  /** The result, computed without the tape. Operations that have no gradient may be used. */
  forward(save: Save): TfTensor;
  /** The gradient of each input, given that of the result. Only those that are asked for are computed. */
  backward(dy: TfTensor, saved: readonly TfTensor[]): Record<Name, () => TfTensor>;
}

/** Runs an operation, and records its gradient if there is a tape. `tf.customGrad` would compute the gradients of all inputs. */
export function differentiable<Name extends string>(tf: Tfjs, operation: Differentiable<Name>): TfTensor {
  if (!tf.engine().isTapeOn()) return operation.forward(() => {});
  return (tf.engine() as unknown as Recorder).runKernelFunc({
    forwardFunc: (_, save) => operation.forward(save),
    backwardsFunc: (dy, saved) => operation.backward(dy, saved),
    inputs: { ...operation.inputs },
  });
}

/**
 * Runs `body` without the tape: gradients treat its result as a constant. Ranks, comparisons and picks are such results. They
 * are constant almost everywhere, and operations without a gradient may compute them.
 */
export function untaped<R>(tf: Tfjs, body: () => R): R {
  const { state } = tf.engine();
  const { gradientDepth } = state;
  state.gradientDepth = 0;
  try {
    return body();
  } finally {
    state.gradientDepth = gradientDepth;
  }
}
