/**
 * The vision tower of OWL-ViT, which is CLIP's at 768 pixels (arXiv 2205.06230). `owlvit` configures the whole model with its text
 * tower, `owlvit_vision_model` the vision tower alone. Its heads that find boxes are no part of this program.
 */

import { processorDefaults } from "../../io/processor-defaults.js";
import type { Family } from "../family.js";
import { huggingFaceClassifiers, towerNames } from "../names.js";
import { clip, readTower } from "./clip.js";
import { exampleSizes } from "./example-sizes.js";

export const owlvit: Family = {
  title: "OWL-ViT",
  modelTypes: {
    owlvit: { preprocessing: processorDefaults.OwlViT! },
    owlvit_vision_model: { preprocessing: processorDefaults.OwlViT! },
  },
  refusedTypes: {
    owlvit_text_model: "it is the text tower alone, without pictures: load the whole model or its vision tower",
    owlv2:
      "its pictures are padded to a square before they are resized. The vision tower of OWL-ViT (owlvit) is supported",
  },
  refused: {
    OwlViTForObjectDetection:
      "its boxes are not computed. For embeddings load its tower: OwlViTModel.from_pretrained(...).save_pretrained(...)",
  },
  examples: [
    { model_type: "owlvit", vision_config: exampleSizes, projection_dim: 16, architectures: ["OwlViTModel"] },
    { model_type: "owlvit_vision_model", ...exampleSizes },
  ],
  config: (fields, held) => readTower(fields, held, { image: 768 }),
  names: [towerNames("encoder.layers")],
  classifiers: huggingFaceClassifiers,
  prefixes: ["vision_model"],
  roots: clip.roots,
  ignored: clip.ignored!,
  // Spelled right here, unlike in CLIP's checkpoints.
  renamed: [[/^pre_layernorm\./, "pre_layrnorm."]],
};
