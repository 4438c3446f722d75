import { type Loss, logSoftmax, meanOf } from "./loss.js";

/** T^2 KL(teacher || student) of distributions softened by T (Hinton et al., arXiv 1503.02531). T^2 keeps the gradient's scale. */
export const distillation: Loss = {
  name: "distillation",
  description: "the answers of the unreduced model, without labels",
  answers: "classes",
  needsLabels: false,
  needsTeacher: true,
  of({ tf, answers, teacher }, { temperature: T }) {
    const wanted = logSoftmax(tf, tf.div(teacher!, T));
    const given = logSoftmax(tf, tf.div(answers, T));
    const divergence = tf.sum(tf.mul(tf.exp(wanted), tf.sub(wanted, given)), 1);
    return tf.mul(meanOf(tf, divergence), T * T);
  },
};
