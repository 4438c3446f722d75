/** Tests a model with token reduction under TensorFlow.js's gradient tape, as fine-tuning would use it. */
import { createTfjsOps, type ProgramTensor } from "@ppt-vit/backend-tfjs";
import * as tf from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-backend-cpu";
import "@tensorflow/tfjs-backend-wasm";
import "@tensorflow/tfjs-core/dist/register_all_gradients.js";
import { expect, it } from "vitest";
import { tinyPixels, tinyProgram } from "./tiny-model.js";

// On wasm some operations have fast implementations without gradients. They must not run under a tape.
it.each(["cpu", "wasm"])("on %s gradients reach every parameter and agree with finite differences", async (engine) => {
  await tf.setBackend(engine);
  const { program, params } = tinyProgram();
  const { ops, dispose } = createTfjsOps(tf);
  const names = Object.keys(params);
  const values = names.map((name) => tf.tensor(params[name]!.data, [...params[name]!.shape]));
  const pixels = tinyPixels(2);
  const input = tf.tensor(pixels.data, [...pixels.shape]) as ProgramTensor<typeof tf>;
  const loss = (...tensors: tf.Tensor[]): tf.Scalar =>
    tf.tidy(() => {
      const named = Object.fromEntries(names.map((name, i) => [name, tensors[i] as ProgramTensor<typeof tf>]));
      const { logits } = program(ops, named, { pixel_values: input });
      return tf.mean(tf.square(logits!)) as tf.Scalar;
    });

  const gradients = tf.grads(loss)(values);
  const before = (await loss(...values).data())[0]!;
  for (const [i, name] of names.entries()) {
    const gradient = gradients[i]!;
    const length = (await tf.norm(gradient).data())[0]!;
    // The bias of the keys shifts all logits of a row equally, which softmax cancels.
    if (name.endsWith("key.bias")) continue;
    expect(length, name).toBeGreaterThan(0);
    // A small step along the gradient must change the loss by the step times the gradient's length.
    const step = 1e-3;
    const moved = values.with(i, tf.add(values[i]!, tf.mul(gradient, step / length)));
    const change = (await loss(...moved).data())[0]! - before;
    expect(change / step / length, name).toBeGreaterThan(0.8);
    expect(change / step / length, name).toBeLessThan(1.25);
  }
  dispose();
});
