/** Tests which of SigLIP's files are refused. Its answers are golden cases of the conformance suite. */
import { describe, expect, it } from "vitest";
import { hostTensor } from "../src/host-tensor.js";
import { namesOf } from "../src/vit/find-names.js";
import { towerNames } from "../src/vit/names.js";
import { parseModelConfig } from "../src/vit/parse-config.js";
import { randomWeightsUnder } from "../src/vit/random-weights.js";
import { weightsFrom } from "../src/vit/stored-names.js";
import { readParameters } from "../src/vit/weights.js";

describe("SigLIP", () => {
  const tower = {
    hidden_size: 24,
    num_hidden_layers: 1,
    num_attention_heads: 3,
    intermediate_size: 48,
    image_size: 16,
  };
  const json = { model_type: "siglip", vision_config: { ...tower, patch_size: 8 }, architectures: ["SiglipModel"] };
  const config = parseModelConfig(json);
  const tensors = randomWeightsUnder(namesOf(towerNames("encoder.layers"), config), config, 1);
  const without = (name: RegExp) =>
    weightsFrom(Object.fromEntries(Object.entries(tensors).filter(([key]) => !name.test(key))));

  it.each(["head.probe", "head.mlp.fc1.weight"])("does not take the mean where its head lacks '%s'", (name) => {
    const weights = without(new RegExp(`^${name}$`));
    expect(parseModelConfig(json, weights)).toEqual(config);
    expect(() => readParameters(weights, config)).toThrow(`tensor '${name}' is missing`);
  });

  it("says that the head is missing where it lacks all of it", () => {
    expect(() => readParameters(without(/^head/), config)).toThrow(
      "the head that pools by attention is missing ('head.probe' and others)",
    );
  });

  it("names a file that holds the text tower alone", () => {
    const text = { "text_model.head.weight": { shape: [1], data: new Float32Array(1) } };
    expect(() => parseModelConfig(json, weightsFrom(text))).toThrow("a text tower and no vision tower");
  });

  it("leaves its head alone only as a classifier", () => {
    const classifier = { ...json, architectures: ["SiglipForImageClassification"], num_labels: 2 };
    const head = { "classifier.weight": hostTensor([2, 24], () => 1), "classifier.bias": hostTensor([2], () => 0) };
    const weights = weightsFrom({ ...tensors, ...head });
    expect(() => readParameters(weights, parseModelConfig(classifier, weights))).not.toThrow();
    const headless = { ...json, vision_config: { ...json.vision_config, vision_use_head: false } };
    expect(() => readParameters(weightsFrom(tensors), parseModelConfig(headless, weightsFrom(tensors)))).toThrow(
      "does not use 'head.",
    );
  });
});
