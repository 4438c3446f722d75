/** A folder with a checkpoint so small that every backend runs it at once, even an emulated GPU. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseModelConfig, randomWeights } from "@ppt-vit/core";
import { safetensorsFile } from "../safetensors-file.js";

const config = {
  model_type: "vit",
  hidden_size: 32,
  num_hidden_layers: 4,
  num_attention_heads: 2,
  intermediate_size: 64,
  image_size: 64,
  patch_size: 8,
  num_channels: 3,
  hidden_act: "gelu",
  qkv_bias: true,
  id2label: { 0: "circle", 1: "square", 2: "star", 3: "spiral", 4: "cross", 5: "line" },
};

export function writeTinyModel(folder: string): void {
  const write = (name: string, content: string | Uint8Array) => writeFileSync(join(folder, name), content);
  write("config.json", JSON.stringify(config));
  write("preprocessor_config.json", JSON.stringify({ size: { height: 64, width: 64 } }));
  write("reduction.json", JSON.stringify({ layers: [1, 2], tokensRemoved: 14, threshold: "pool" }));
  write("model.safetensors", safetensorsFile(randomWeights(parseModelConfig(config), 5)));
}
