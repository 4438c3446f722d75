/** The golden micro models of the conformance suite, with the gradients that PyTorch computes of them. */
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { goldenUrl } from "@ppt-vit/conformance";
import { parseModelConfig, parseSafetensors, prepareVisionProgram, type ReductionConfig } from "@ppt-vit/core";
import { openTraining, type TrainingEngine } from "../src/tfjs.js";
import { createTrainer, type Trainer } from "../src/trainer.js";

const golden = (file: string) => readFileSync(new URL(file, goldenUrl));
const listed = JSON.parse(golden("cases.json").toString()) as {
  case: string;
  model: string;
  batch: number;
  r: number;
  layers: number[];
  threshold: number;
}[];

export interface Expected {
  readonly loss: number;
  /** [length, product with sin(0.37 i + 1), product with cos(0.11 i)] of each parameter's gradient. */
  readonly gradients: Readonly<Record<string, readonly [number, number, number]>>;
}

export const expected = JSON.parse(
  readFileSync(new URL("../fixtures/gradients.json", import.meta.url), "utf8"),
) as Readonly<Record<string, Expected>>;

export function openGolden(name: string) {
  const { model, batch, r, layers, threshold } = listed.find((each) => each.case === name)!;
  const weights = parseSafetensors(gunzipSync(golden(`${model}.model.safetensors.gz`)));
  const config = parseModelConfig(JSON.parse(golden(`${model}.model.json`).toString()), weights);
  const reduction: ReductionConfig = { layers, tokensRemoved: r, threshold };
  const pixels = parseSafetensors(gunzipSync(golden(`${name}.safetensors.gz`)))
    .read("pixel_values")
    .data.slice();
  return { weights, reduction, batch, pixels, ...prepareVisionProgram({ config, weights, reduction }) };
}

export async function trainerOf(
  { program, params, config }: ReturnType<typeof openGolden>,
  options: { device: "cpu" | "wasm"; recompute?: boolean; trained?: readonly string[] },
): Promise<{ engine: TrainingEngine; trainer: Trainer }> {
  const engine = await openTraining({ device: options.device });
  const inputShape = [config.channels, ...config.imageSize];
  const trained = options.trained ?? Object.keys(params);
  const recompute = options.recompute ?? false;
  return { engine, trainer: createTrainer({ engine, program, params, trained, inputShape, recompute }) };
}
