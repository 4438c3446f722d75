import { readFile as readBytes } from "node:fs/promises";
import { createTfjsBackend } from "@ppt-vit/backend-tfjs";
import { parseModelConfig, parseProcessorFiles, parseSafetensors } from "@ppt-vit/core";
import { demoModelUrl } from "@ppt-vit/demo-model";
import * as tf from "@tensorflow/tfjs-core";

const bytesOf = (name) => readBytes(new URL(name, demoModelUrl));
const jsonOf = async (name) => JSON.parse(await readBytes(new URL(name, demoModelUrl), "utf8"));
const weights = parseSafetensors(await bytesOf("model.safetensors"));
const configJson = await jsonOf("config.json");
const config = parseModelConfig(configJson, weights);
const imageProcessorConfig = parseProcessorFiles({
  preprocessor: await jsonOf("preprocessor_config.json"),
  config: configJson,
});
const reduction = { layers: [3, 6, 9], tokensRemoved: 50, threshold: 1e-3 };
const backend = await createTfjsBackend({ device: "wasm" });
// A frame of the size that the model wants, in a form that tf.browser.fromPixels takes without a page.
const video = { data: new Uint8Array(224 * 224 * 4).fill(127), width: 224, height: 224 };
