/** Models to measure: published geometries with seeded random weights. Speed does not depend on the weights' values. */
import { randomWeights } from "@ppt-vit/conformance";
import { parseModelConfig, weightsFrom } from "@ppt-vit/core";

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

const geometries = { "deit-ti": deit(192, 3), "deit-s": deit(384, 6), "deit-b": deit(768, 12) };

export const geometryNames = Object.keys(geometries);

export function randomModel(name) {
  if (!Object.hasOwn(geometries, name))
    throw new Error(`unknown geometry '${name}'; known are ${geometryNames.join(", ")}`);
  const config = parseModelConfig(geometries[name]);
  return { config, weights: weightsFrom(randomWeights(config, 1)) };
}
