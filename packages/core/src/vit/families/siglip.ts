/**
 * The vision towers of SigLIP, and of SigLIP 2 with a fixed size, which has the same `model_type`. `siglip` configures the whole model
 * with its text tower, `siglip_vision_model` the vision tower alone (arXiv 2303.15343, 2502.14786).
 */

import { processorDefaults } from "../../io/processor-defaults.js";
import { limits, type VisionModelConfig } from "../config.js";
import type { Family } from "../family.js";
import { type Fields, type Held, readEncoder, readLabels, readProblem, requireVisionTower } from "../fields.js";
import { huggingFaceClassifiers, towerNames } from "../names.js";
import { exampleSizes } from "./example-sizes.js";

function readConfig(fields: Fields, held: Held): VisionModelConfig {
  const vision = fields.value("model_type") === "siglip" ? fields.object("vision_config") : fields;
  const encoder = readEncoder(vision, {
    image: 224,
    patch: 16,
    hidden: 768,
    layers: 12,
    heads: 12,
    activation: "gelu_pytorch_tanh",
    epsilon: 1e-6,
  });
  const labels = readLabels(fields, "where labels are named", held);
  const pools = vision.flag("vision_use_head", true);
  requireVisionTower(held);
  return {
    ...encoder,
    intermediateSize: vision.count("intermediate_size", 8 * limits.hidden, 3072),
    qkvBias: true,
    classToken: false,
    pooling: pools && labels.length === 0 ? "attention" : "normalized-mean",
    // Hugging Face's classifier reads the mean, although its file has the other head, too.
    ...(pools && labels.length > 0 && { attentionPool: false as const }),
    labels,
    ...readProblem(fields, labels),
  };
}

const naFlex =
  "it takes pictures of any shape (NaFlex), and this program takes one size. SigLIP 2 of a fixed size is supported: its model_type is siglip, as in siglip2-base-patch16-224";

export const siglip: Family = {
  title: "SigLIP",
  modelTypes: {
    siglip: { preprocessing: processorDefaults.Siglip! },
    siglip_vision_model: { preprocessing: processorDefaults.Siglip! },
  },
  refusedTypes: {
    siglip2: naFlex,
    siglip2_vision_model: naFlex,
    siglip_text_model: "it is the text tower alone, without pictures: load the whole model or its vision tower",
  },
  refused: { SiglipTextModel: "it is the text tower alone: load SiglipModel or SiglipVisionModel" },
  examples: [
    { model_type: "siglip", vision_config: exampleSizes, architectures: ["SiglipModel"] },
    { model_type: "siglip_vision_model", ...exampleSizes },
    {
      model_type: "siglip",
      vision_config: exampleSizes,
      architectures: ["SiglipForImageClassification"],
      num_labels: 5,
    },
  ],
  config: readConfig,
  names: [towerNames("encoder.layers")],
  classifiers: huggingFaceClassifiers,
  prefixes: ["vision_model"],
  roots: ["embeddings", "encoder", "post_layernorm", "head.probe", "head.attention", "head.layernorm", "head.mlp"],
  ignored: [/^text_/, /^logit_(scale|bias)$/],
  renamed: [[/^(head\.attention\.in_proj)_(weight|bias)$/, "$1.$2"]],
};
