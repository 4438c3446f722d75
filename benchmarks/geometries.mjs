/** Models to measure: published geometries with seeded random weights. Speed does not depend on the weights' values. */
import { parseModelConfig, randomWeights, weightsFrom } from "@ppt-vit/core";

const deit = (hidden_size, num_attention_heads) => ({
  model_type: "vit",
  hidden_size,
  num_hidden_layers: 12,
  num_attention_heads,
  intermediate_size: 4 * hidden_size,
  image_size: 224,
  patch_size: 16,
  num_labels: 1000,
  layer_norm_eps: 1e-6,
});

/** DINOv2 at 518 px, as its checkpoints are stored (Oquab et al., arXiv 2304.07193). */
const dinov2S = {
  ...deit(384, 6),
  model_type: "dinov2",
  architectures: ["Dinov2ForImageClassification"],
  mlp_ratio: 4,
  image_size: 518,
  patch_size: 14,
  layerscale_value: 1,
};

const geometries = {
  "deit-ti": deit(192, 3),
  "deit-s": deit(384, 6),
  "deit-b": deit(768, 12),
  "vit-b": { ...deit(768, 12), layer_norm_eps: 1e-12 },
  "dinov2-s": dinov2S,
};

export const geometryNames = Object.keys(geometries);

/** `config.json` of a geometry, with names for its labels. */
export const huggingFaceConfig = (name) => {
  if (!Object.hasOwn(geometries, name))
    throw new Error(`unknown geometry '${name}'; known are ${geometryNames.join(", ")}`);
  const id2label = Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [i, `class ${i}`]));
  return { architectures: ["ViTForImageClassification"], ...geometries[name], id2label };
};

export function randomModel(name) {
  const config = parseModelConfig(huggingFaceConfig(name));
  return { config, weights: weightsFrom(randomWeights(config, 1)) };
}

/** The weights of `randomModel` as a safetensors file. */
export function randomCheckpoint(name) {
  const tensors = Object.entries(randomWeights(parseModelConfig(huggingFaceConfig(name)), 1));
  let offset = 0;
  const header = {};
  for (const [key, { shape, data }] of tensors) {
    header[key] = { dtype: "F32", shape, data_offsets: [offset, offset + data.byteLength] };
    offset += data.byteLength;
  }
  const text = JSON.stringify(header);
  // Spaces to a multiple of eight, as the safetensors library writes them.
  const json = Buffer.from(text.padEnd(8 * Math.ceil(text.length / 8)));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  return Buffer.concat([length, json, ...tensors.map(([, { data }]) => new Uint8Array(data.buffer))]);
}
