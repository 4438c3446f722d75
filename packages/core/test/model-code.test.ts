/** Tests which code a plain ViT does without, and that it computes the same once all code is here. The order of the tests matters. */
import { createCpuBackend } from "@ppt-vit/backend-cpu";
import { createVisionModel, headsFit, loadConfigReader, modelCost } from "@ppt-vit/core/loading";
import { expect, it } from "vitest";
import { vit } from "../src/vit/families/vit.js";
import { namesOf } from "../src/vit/find-names.js";
import { arePlainNames } from "../src/vit/model-code.js";
import { fusedNames, vitNames } from "../src/vit/names.js";
import { randomWeightsUnder } from "../src/vit/random-weights.js";
import { weightsFrom } from "../src/vit/stored-names.js";
import { readParameters } from "../src/vit/weights.js";

const json = vit.examples[0]!;
const config = (await loadConfigReader(json, [])).parseModelConfig();
const tensorsUnder = (names: (typeof vitNames)[number]) => randomWeightsUnder(namesOf(names, config), config, 1);
const plain = weightsFrom(tensorsUnder(vitNames[0]!));
const isMissing = expect.objectContaining({ code: "INVALID_CONFIG", message: expect.stringMatching(/is not loaded/) });
const needsMore = { ...config, pooling: "attention" } as const;

const pixelValues = Float32Array.from({ length: 3 * 32 * 32 }, (_, i) => Math.sin(i));
async function logitsOf(weights: typeof plain) {
  const backend = createCpuBackend();
  const model = await createVisionModel({
    config,
    weights,
    backend,
    reduction: { layers: [0], tokensRemoved: 4, threshold: "pool" },
  });
  const { logits } = await model.run({ pixelValues, batch: 1 });
  await backend.dispose();
  return logits.data;
}

it("knows the names of a whole plain ViT, and no others", () => {
  const { names } = plain;
  expect(arePlainNames(names)).toBe(true);
  expect(arePlainNames(names.map((name) => (name.startsWith("classifier") ? name : `vit.${name}`)))).toBe(true);
  expect(arePlainNames(names.filter((name) => !name.endsWith("cls_token")))).toBe(false);
  expect(arePlainNames(names.map((name) => `module.${name}`))).toBe(false);
  expect(arePlainNames([...names, "encoder.layer.0.attention.relative_position_bias"])).toBe(false);
  expect(arePlainNames(Object.keys(tensorsUnder(fusedNames)))).toBe(false);
});

it("reads and runs a plain ViT without the code of other models, and with it in the same way", async () => {
  const parameters = readParameters(plain, config);
  const logits = await logitsOf(plain);
  const before = (await loadConfigReader(json, plain.names)).parseModelConfig(plain);
  expect(headsFit(plain, config)).toBe(true);
  expect(() => modelCost(needsMore)).toThrow(isMissing);

  // Names of another library need the code of its family.
  const fused = weightsFrom(tensorsUnder(fusedNames));
  expect((await logitsOf(fused)).length).toBe(5);
  expect(modelCost(needsMore).headMacs).toBeGreaterThan(modelCost(config).headMacs);

  expect(readParameters(plain, config)).toEqual(parameters);
  expect(await logitsOf(plain)).toEqual(logits);
  expect((await loadConfigReader(json)).parseModelConfig(plain)).toEqual(before);
});
