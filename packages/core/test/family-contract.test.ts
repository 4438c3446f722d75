/** Tests every entry of `vit/families/index.ts` with the family's own examples. */
import { readdirSync, readFileSync } from "node:fs";
import { createCpuBackend } from "@ppt-vit/backend-cpu";
import { describe, expect, it } from "vitest";
import { modelFingerprint } from "../src/fingerprint.js";
import { processorByModelType, processorDefaults } from "../src/io/processor-defaults.js";
import { families } from "../src/vit/families/index.js";
import type { AnyFamily } from "../src/vit/family.js";
import { namesOf } from "../src/vit/find-names.js";
import { loadConfigReader } from "../src/vit/load-family.js";
import { createVisionModel } from "../src/vit/model.js";
import { blockPlace, type Names, tensorName } from "../src/vit/names.js";
import { parseModelConfig } from "../src/vit/parse-config.js";
import { parseImageProcessorConfig, parseProcessorFiles } from "../src/vit/preprocessing.js";
import { random, randomWeights, randomWeightsUnder } from "../src/vit/random-weights.js";
import { refusedTypes } from "../src/vit/refused-types.js";
import { weightsFrom } from "../src/vit/stored-names.js";
import { readParameters } from "../src/vit/weights.js";

const modelTypes = families.flatMap((family) => Object.keys(family.modelTypes).map((type) => ({ type, family })));

/** Each example of each family, under each of its name sets. */
const checkpoints = families.flatMap((family) =>
  family.examples.flatMap((example, i) =>
    family.names.map((set, k) => {
      const config = parseModelConfig(example);
      const names = namesOf(set, config);
      const title = `${family.title}, example ${i}, name set ${k}`;
      return { title, family, example, config, names, tensors: randomWeightsUnder(names, config, 3) };
    }),
  ),
);

const under = (word: string, name: string) =>
  name === word || name.startsWith(`${word}.`) || name.startsWith(`${word}_`);
const belongs = ({ roots }: AnyFamily, name: string) => roots.some((word) => under(word, name));

describe("the list of families", () => {
  it("names each model type and each stem once", () => {
    const types = modelTypes.map(({ type }) => type);
    expect(new Set(types).size).toBe(types.length);
    const stems = families.flatMap(({ stem }) => stem?.kind ?? []);
    expect(new Set(stems).size).toBe(stems.length);
  });

  it("begins with the family of files that name none, which claims no file by another sign", () => {
    expect(families[0]!.recognises).toBeUndefined();
    expect(parseModelConfig({ ...families[0]!.examples[0], model_type: null })).toEqual(
      parseModelConfig(families[0]!.examples[0]),
    );
  });

  it("is what an unknown type's error shows", () => {
    const parse = () => parseModelConfig({ model_type: "unheard-of" });
    for (const { type } of modelTypes) expect(parse).toThrow(type);
  });
});

it("knows a family's model types in its own file alone", () => {
  const root = new URL("../src/", import.meta.url);
  const sources = readdirSync(root, { recursive: true })
    .map(String)
    .filter((file) => file.endsWith(".ts") && !file.includes("families") && !file.endsWith("processor-defaults.ts"));
  expect(sources.length).toBeGreaterThan(30);
  for (const file of sources) {
    const text = readFileSync(new URL(file, root), "utf8");
    for (const { type } of modelTypes) expect.soft(text, file).not.toContain(`"${type}"`);
  }
});

it.each(families.flatMap(({ title, examples }) => examples.map((example) => ({ title, example }))))(
  "$title reads as much with the code of its family alone",
  async ({ example }) => {
    const reader = await loadConfigReader(example);
    expect(reader.parseModelConfig()).toEqual(parseModelConfig(example));
    expect(reader.parseProcessorFiles({})).toEqual(parseProcessorFiles({ config: example }));
  },
);

describe.each(modelTypes)("model_type $type", ({ type, family }) => {
  it("reads its family's first example", () => {
    expect(parseModelConfig({ ...family.examples[0], model_type: type }).layers).toBeGreaterThan(0);
  });

  it("has a preprocessing, that of transformers where that knows the type", () => {
    expect(parseImageProcessorConfig({}, { modelType: type }).cropSize.width).toBeGreaterThan(0);
    const listed = processorByModelType[type];
    if (listed) expect(family.modelTypes[type]!.preprocessing).toBe(processorDefaults[listed]);
  });
});

const refusals = families.flatMap((family) =>
  Object.entries(family.refused ?? {}).map(([architecture, reason]) => ({ architecture, reason, family })),
);
it.each(refusals)("refuses $architecture, and says why", ({ architecture, reason, family }) => {
  const parse = () => parseModelConfig({ ...family.examples[0], architectures: [architecture] });
  expect(parse).toThrow(`${architecture} is not supported; ${reason}`);
});

const ofFamilies = families.flatMap(({ refusedTypes = {} }) => Object.entries(refusedTypes));
it.each([...Object.entries(refusedTypes), ...ofFamilies])("refuses model_type %s, and says why", (type, reason) => {
  expect(modelTypes.map(({ type }) => type)).not.toContain(type);
  const parse = () => parseModelConfig({ model_type: type, vision_config: {}, text_config: {} });
  expect(parse).toThrow(`model_type "${type}" is not supported; ${reason}`);
});

describe.each(checkpoints)("$title", ({ family, example, config, names, tensors }) => {
  const weights = weightsFrom(tensors);

  it("gives every parameter that the program reads", () => {
    const parameters = (named: typeof tensors) =>
      Object.entries(readParameters(weightsFrom(named), config)).map(([key, { shape }]) => [key, shape]);
    expect(parameters(tensors)).toEqual(parameters(randomWeights(config, 3)));
  });

  it("gives each part of a block a place of its own", () => {
    const places = Object.values(names.block).map((place) => JSON.stringify(place));
    expect(new Set(places).size).toBe(places.length);
    expect("gate" in names.block).toBe(config.mlp === "swiglu");
  });

  it("says the same by its tensors as by its file", () => {
    expect(family.classifiers.some((name) => name in tensors)).toBe(config.labels.length > 0);
    expect(parseModelConfig(example, weights)).toEqual(config);
    expect(parseModelConfig(example, weights, { heads: false }).labels).toEqual([]);
  });

  it("has its tensors under its roots, where one that nothing reads is an error", () => {
    const { head, distillationHead, denseHead, projection } = names;
    const answers = [head, distillationHead, denseHead, projection].flatMap((name) => [
      `${name}.weight`,
      `${name}.bias`,
    ]);
    const model = Object.keys(tensors).filter((name) => !answers.includes(name));
    expect(model.filter((name) => !belongs(family, name))).toEqual([]);
    const query = tensorName(blockPlace(names, 0, "query")!);
    const strange = { ...tensors, [`${query}.strange`]: { shape: [1], data: new Float32Array(1) } };
    expect(() => readParameters(weightsFrom(strange), config)).toThrow(`does not use '${query}.strange'`);
    const beyond = tensorName(blockPlace(names, config.layers, "query")!);
    const longer = { ...tensors, [`${beyond}.weight`]: { shape: [1], data: new Float32Array(1) } };
    expect(() => readParameters(weightsFrom(longer), config)).toThrow(`belongs to a block beyond`);
  });

  it("is read behind its prefixes", () => {
    for (const prefix of family.prefixes ?? []) {
      const inside = (name: string) => (belongs(family, name) ? `${prefix}.${name}` : name);
      const wrapped = Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [inside(name), tensor]));
      expect(modelFingerprint(config, weightsFrom(wrapped))).toBe(modelFingerprint(config, weights));
    }
  });

  it("runs, with and without a reduction", async () => {
    const next = random(1);
    const batch = 2;
    const pixels = Float32Array.from(
      { length: batch * config.channels * config.imageSize[0] * config.imageSize[1] },
      next,
    );
    for (const reduction of [undefined, { layers: [0], tokensRemoved: 1, threshold: "pool" } as const]) {
      const model = await createVisionModel({ config, weights, backend: createCpuBackend(), reduction });
      const { logits, embedding, predictedDepth } = await model.run({ pixelValues: pixels, batch });
      const answers = config.depth ? predictedDepth! : config.labels.length > 0 ? logits : embedding!;
      expect(answers.data.length).toBeGreaterThan(0);
      expect(answers.data.every(Number.isFinite)).toBe(true);
      await model.dispose();
    }
  });
});

/** If a checkpoint fitted two name sets, chance would decide which one is read. */
it("no two name sets share the first block and differ elsewhere", () => {
  const told = new Map<string, Names>();
  for (const { names, config } of checkpoints) {
    const block = (["query", "norm1", "fc1"] as const).map((part) => tensorName(blockPlace(names, 0, part)!));
    const key = JSON.stringify([names.classToken, ...block, config]);
    expect(told.get(key) ?? names).toEqual(names);
    told.set(key, names);
  }
});
