/** A tiny checkpoint in a folder, with pictures to train it on. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseModelConfig, parseSafetensors, randomWeights } from "@ppt-vit/core";
import { type Checkpoint, checkpointFolder, readCheckpoint } from "@ppt-vit/pipeline";
import sharp from "sharp";
import type { FinetuneOptions, TrainingPicture } from "../src/index.js";
import { writeSafetensors } from "../src/output/safetensors.js";

/** 16 patches of 4 pixels, three blocks, four classes. */
const json = {
  model_type: "vit",
  architectures: ["ViTForImageClassification"],
  image_size: 16,
  patch_size: 4,
  num_channels: 3,
  hidden_size: 24,
  num_hidden_layers: 3,
  num_attention_heads: 2,
  intermediate_size: 48,
  hidden_act: "gelu",
  layer_norm_eps: 1e-6,
  qkv_bias: true,
  id2label: { 0: "red", 1: "green", 2: "blue", 3: "grey" },
};
const preprocessor = {
  image_processor_type: "ViTImageProcessor",
  do_resize: true,
  size: { height: 16, width: 16 },
  do_rescale: true,
  rescale_factor: 1 / 255,
  do_normalize: true,
  image_mean: [0.5, 0.5, 0.5],
  image_std: [0.5, 0.5, 0.5],
};

export const reduction = { layers: [0, 1], tokensRemoved: 4, threshold: { scaleFree: 1 } } as const;

/** Writes the checkpoint, whose random weights come from `seed`. */
export async function makeModel(folder: string, seed = 1): Promise<{ checkpoint: Checkpoint; folder: string }> {
  mkdirSync(folder, { recursive: true });
  const config = parseModelConfig(json);
  writeFileSync(join(folder, "config.json"), JSON.stringify(json));
  writeFileSync(join(folder, "preprocessor_config.json"), JSON.stringify(preprocessor));
  writeFileSync(join(folder, "model.safetensors"), writeSafetensors(randomWeights(config, seed), { format: "pt" }));
  return { checkpoint: await readCheckpoint(folder), folder: await checkpointFolder(folder) };
}

/** Noisy pictures in the colours of the classes, which take turns. */
export async function makePictures(folder: string, count: number): Promise<TrainingPicture[]> {
  mkdirSync(folder, { recursive: true });
  const pictures: TrainingPicture[] = [];
  for (let k = 0; k < count; k++) {
    const label = k % 4;
    const data = Uint8Array.from({ length: 3 * 20 * 20 }, (_, i) => {
      const noise = Math.floor(64 * (0.5 + 0.5 * Math.sin(k * 77.7 + i * i * 0.013)));
      return noise + (label === 3 || i % 3 === label ? 150 : 0);
    });
    const file = join(folder, `${k}.png`);
    await sharp(data, { raw: { width: 20, height: 20, channels: 3 } })
      .png()
      .toFile(file);
    pictures.push({ file, label });
  }
  return pictures;
}

/** Options that suit all of this: one thread, wasm, few epochs. */
export const common = {
  device: "wasm",
  threads: 0,
  batch: 4,
  epochs: 3,
  train: "all",
  learningRate: 1e-3,
  reduction,
} as const satisfies Partial<FinetuneOptions>;

export const readWeights = (bytes: Uint8Array) => {
  const file = parseSafetensors(bytes);
  return Object.fromEntries(file.names.map((name) => [name, file.read(name).data]));
};

export const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
