/** Runs the README's example "Tensors in, tensors out" as written. It must leave no tensor behind. */
import { readFile } from "node:fs/promises";
import * as backendTfjs from "@ppt-vit/backend-tfjs";
import * as core from "@ppt-vit/core";
import * as tf from "@tensorflow/tfjs-core";
import { expect, it } from "vitest";
import { tinyProgram } from "./tiny-model.js";

const modules: Readonly<Record<string, object>> = { "@ppt-vit/backend-tfjs": backendTfjs, "@ppt-vit/core": core };

/** The section's code as the body of an async function. Imports are removed, because a function cannot contain them. */
async function blockOf(section: string): Promise<string> {
  const readme = await readFile(new URL("../README.md", import.meta.url), "utf8");
  const block = readme
    .split(`\n## ${section}\n`)[1]
    ?.split("\n## ")[0]
    ?.match(/```js\n(.*?)```/s)?.[1];
  if (!block) throw new Error(`README.md has no block of JavaScript under '${section}'`);
  return block.replace(/^import (\{[^}]*\}) from "([^"]+)";$/gm, 'const $1 = modules["$2"];');
}

it("leaves no tensor of a frame behind", async () => {
  const backend = await backendTfjs.createTfjsBackend({ device: "cpu" });
  await tf.setBackend("cpu");
  const { config } = tinyProgram();
  const [height, width] = config.imageSize;
  const given = {
    modules,
    tf,
    backend,
    config,
    weights: core.weightsFrom(core.randomWeights(config, 5)),
    reduction: { layers: [0, 1], tokensRemoved: 3, threshold: "pool" },
    imageProcessorConfig: core.parseImageProcessorConfig({ size: { height, width } }),
    video: { width, height, data: Uint8Array.from({ length: 4 * width * height }, (_, i) => (37 * i) % 256) },
    console: { log: (logits: Float32Array) => void expect(logits).toHaveLength(config.labels.length) },
  };
  const body = `${await blockOf("Tensors in, tensors out")}\nreturn { executable, frameLogits };`;
  const run = new Function(...Object.keys(given), `return (async () => {${body}})();`);
  const before = tf.memory().numTensors;
  const { executable, frameLogits } = (await run(...Object.values(given))) as {
    executable: backendTfjs.TfjsExecutable;
    frameLogits: () => tf.Tensor;
  };
  const afterOne = tf.memory().numTensors;
  for (let frame = 0; frame < 50; frame++) frameLogits().dispose();
  expect(tf.memory().numTensors).toBe(afterOne);
  await executable.dispose();
  expect(tf.memory().numTensors).toBe(before);
  await backend.dispose();
});
