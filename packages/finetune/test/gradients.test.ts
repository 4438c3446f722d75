/** Tests the gradients of the program with its reduction, against PyTorch and against differences. */
import { expect, it } from "vitest";
import { targetsOf } from "../src/data/targets.js";
import { losses } from "../src/losses/index.js";
import type { TrainingBatch } from "../src/trainer.js";
import { expected, openGolden, trainerOf } from "./golden.js";

const crossEntropy = losses.find(({ name }) => name === "cross-entropy")!;
const settings = { temperature: 1, labelShare: 0.5 };

const productsOf = (gradient: Float32Array): [number, number, number] => [
  Math.sqrt(gradient.reduce((sum, g) => sum + g * g, 0)),
  gradient.reduce((sum, g, i) => sum + g * Math.sin(0.37 * i + 1), 0),
  gradient.reduce((sum, g, i) => sum + g * Math.cos(0.11 * i), 0),
];

async function gradientsOf(name: string, device: "cpu" | "wasm", recompute: boolean) {
  const model = openGolden(name);
  const { engine, trainer } = await trainerOf(model, { device, recompute });
  const { batch, pixels } = model;
  const classes = model.config.labels.length;
  const labels = Array.from({ length: batch }, (_, i) => (3 * i) % classes);
  const targets = targetsOf(labels, classes, 0.1);
  const { tf } = engine;
  const work = () =>
    trainer.gradients({
      pixels,
      batch,
      lossOf: (answers) => crossEntropy.of({ tf, answers, targets: tf.tensor(targets, [batch, classes]) }, settings),
    });
  await work();
  const before = tf.memory().numTensors;
  const found = await work();
  const left = tf.memory().numTensors - before;
  trainer.dispose();
  engine.dispose();
  return { ...found, left };
}

// Adaptive: of the four pictures some are pruned and some pooled in the same stage.
it.each([
  ["adaptive", "wasm", false],
  ["adaptive", "wasm", true],
  ["prune-only", "wasm", false],
  ["pool-only", "wasm", true],
  ["all-layers", "wasm", false],
] as const)("%s on %s, blocks recomputed: %s, has PyTorch's gradients in float64", async (name, device, recompute) => {
  const { loss, gradients, left } = await gradientsOf(name, device, recompute);
  const wanted = expected[name]!;
  expect(Math.abs(loss - wanted.loss)).toBeLessThan(2e-5);
  expect([...gradients.keys()].sort()).toEqual(Object.keys(wanted.gradients).sort());
  const longest = Math.max(...Object.values(wanted.gradients).map(([length]) => length));
  for (const [parameter, gradient] of gradients) {
    const products = productsOf(gradient);
    for (const [i, value] of wanted.gradients[parameter]!.entries()) {
      // The bias of keys has no influence: softmax cancels it, so its gradient is rounding noise.
      const scale = Math.max(wanted.gradients[parameter]![0], 1e-3 * longest);
      expect(Math.abs(products[i]! - value) / scale, `${parameter}, product ${i}`).toBeLessThan(1e-3);
    }
  }
  expect(left).toBe(0);
});

it("agrees with differences of the loss along every trained tensor", async () => {
  const model = openGolden("adaptive");
  const { engine, trainer } = await trainerOf(model, { device: "wasm" });
  const { tf } = engine;
  const classes = model.config.labels.length;
  const batch = 2;
  const pixels = model.pixels.slice(0, (batch * model.pixels.length) / model.batch);
  const targets = targetsOf([1, 4], classes, 0.1);
  const lossOf: TrainingBatch["lossOf"] = (answers) =>
    crossEntropy.of({ tf, answers, targets: tf.tensor(targets, [batch, classes]) }, settings);
  const lossAt = async (name: string, values: Float32Array) => {
    trainer.put(new Map([[name, values]]));
    const answers = await trainer.answers(pixels, batch);
    return engine.run(() => lossOf(tf.tensor(answers, [batch, classes])).dataSync()[0]!);
  };
  const { gradients } = await trainer.gradients({ pixels, batch, lossOf });
  for (const [name, gradient] of gradients) {
    if (name.endsWith("key.bias")) continue;
    const { data } = model.params[name]!;
    const length = productsOf(gradient)[0];
    // Along the gradient the loss changes fastest, so rounding matters least there.
    const step = Math.min(0.02, 2e-3 / length);
    const moved = (way: 1 | -1) => data.map((value, i) => value + (way * step * gradient[i]!) / length);
    const slope = ((await lossAt(name, moved(1))) - (await lossAt(name, moved(-1)))) / (2 * step);
    trainer.put(new Map([[name, data]]));
    expect(Math.abs(slope - length) / length, name).toBeLessThan(0.02);
  }
  trainer.dispose();
  engine.dispose();
});
