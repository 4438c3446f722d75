/** Tests that a program in two parts answers and learns as the whole one. */
import { expect, it } from "vitest";
import { splitProgram } from "../src/split.js";
import { openTraining } from "../src/tfjs.js";
import { createTrainer } from "../src/trainer.js";
import { openGolden } from "./golden.js";

// Of the four pictures some are pruned and some pooled in the first stage.
it.each([false, true])("gives the same gradients, blocks recomputed: %s", async (recompute) => {
  const { program, params, config, plan, batch, pixels } = openGolden("adaptive");
  const { layer } = plan.stages[0]!;
  const engine = await openTraining({ device: "wasm" });
  const { tf } = engine;
  const { before, after } = splitProgram(engine, program, layer);
  const trained = Object.keys(params).filter((name) =>
    new RegExp(`^(blocks\\.${layer}\\.fc|blocks\\.${layer + 1}|head)`).test(name),
  );
  const pixelShape = [config.channels, ...config.imageSize];
  const open = (each: typeof program, names: readonly string[], inputShape: readonly number[]) =>
    createTrainer({ engine, program: each, params, trained: names, inputShape, recompute });
  const first = open(before, [], pixelShape);
  const rows = await first.answers(pixels, batch);
  const whole = open(program, trained, pixelShape);
  const rest = open(after, trained, [rows.length / batch]);
  const lossOf = (answers: Parameters<typeof tf.sum>[0]) => tf.mean(tf.square(answers));
  const wanted = await whole.gradients({ pixels, batch, lossOf });
  const found = await rest.gradients({ pixels: rows, batch, lossOf });
  expect(found.loss).toBeCloseTo(wanted.loss, 5);
  expect(trained.length).toBeGreaterThan(6);
  for (const name of trained) {
    const [a, b] = [wanted.gradients.get(name)!, found.gradients.get(name)!];
    const length = Math.hypot(...a);
    expect(Math.hypot(...a.map((value, i) => value - b[i]!)), name).toBeLessThan(1e-4 * length + 1e-7);
  }
  for (const trainer of [first, whole, rest]) trainer.dispose();
  engine.dispose();
});
