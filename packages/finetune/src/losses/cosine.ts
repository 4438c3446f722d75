import { type Loss, meanOf } from "./loss.js";

/** 1 - cosine between two embeddings. */
export const cosine: Loss = {
  name: "cosine",
  description: "the embeddings of the unreduced model, for models without classes",
  answers: "embedding",
  needsLabels: false,
  needsTeacher: true,
  of({ tf, answers, teacher }) {
    const length = (x: typeof answers) => tf.sqrt(tf.sum(tf.mul(x, x), 1));
    const products = tf.sum(tf.mul(answers, teacher!), 1);
    return tf.sub(1, meanOf(tf, tf.div(products, tf.mul(length(answers), length(teacher!)))));
  },
};
