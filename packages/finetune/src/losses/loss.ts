/** The interface of a loss. Each is one file here, listed in `index.ts`. */
import type { Tf, TfTensor } from "../tfjs.js";

/** What a loss compares, for a batch of B pictures. */
export interface LossInput {
  readonly tf: Tf;
  /** [B, classes] or [B, width], what the reduced model answers: logits, or an embedding. */
  readonly answers: TfTensor;
  /** The same of the teacher. Present if the loss needs it. */
  readonly teacher?: TfTensor | undefined;
  /** [B, classes], the share of each class in each picture, after label smoothing and mixing. Present if the loss needs it. */
  readonly targets?: TfTensor | undefined;
}

export interface LossSettings {
  /** Both distributions are softened by it before they are compared. */
  readonly temperature: number;
  /** Share of the labels in a mixed loss, the rest is the teacher's. */
  readonly labelShare: number;
}

export interface Loss {
  readonly name: string;
  /** For help and reports: what is compared with what. */
  readonly description: string;
  /** The kind of model that it is for. */
  readonly answers: "classes" | "embedding";
  readonly needsLabels: boolean;
  readonly needsTeacher: boolean;
  /** The mean loss of the batch, a scalar. */
  of(input: LossInput, settings: LossSettings): TfTensor;
}

/** The mean over B pictures of [B, 1] or [B]. */
export const meanOf = (tf: Tf, x: TfTensor): TfTensor => tf.div(tf.sum(x), x.shape[0]!);

/** Natural logarithm of the softmax of [B, N]. */
export function logSoftmax(tf: Tf, logits: TfTensor): TfTensor {
  // The maximum cancels. Without it, exponentials of large logits would be infinite.
  const shifted = tf.sub(logits, tf.max(logits, 1, true));
  return tf.sub(shifted, tf.log(tf.sum(tf.exp(shifted), 1, true)));
}
