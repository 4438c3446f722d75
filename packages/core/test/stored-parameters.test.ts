/** Tests that trained parameters find their way back into the tensors of every family's checkpoints. */
import { readdirSync, readFileSync } from "node:fs";
import { goldenUrl, tinyFamilies } from "@ppt-vit/conformance";
import {
  isStoredParameter,
  parseModelConfig,
  parseSafetensors,
  randomWeights,
  readParameters,
  storedParameters,
  type VisionModelConfig,
  type WeightSource,
  weightsFrom,
} from "@ppt-vit/core";
import type { HostTensor } from "@ppt-vit/core/backend";
import { describe, expect, it } from "vitest";

const fixtures = new URL("../fixtures/families/", import.meta.url);

interface Model {
  readonly config: VisionModelConfig;
  readonly weights: WeightSource;
}

function open(config: URL, tensors: URL, prefix = ""): Model {
  const file = parseSafetensors(readFileSync(tensors));
  const own = file.names.filter((name) => name.startsWith(prefix));
  const weights = weightsFrom(Object.fromEntries(own.map((name) => [name.slice(prefix.length), file.read(name)])));
  return { config: parseModelConfig(JSON.parse(readFileSync(config, "utf8")), weights), weights };
}

/** Files of transformers. Those of timm say their sizes in the test of families. */
const saved = readdirSync(fixtures)
  .filter((file) => file.endsWith(".json") && !file.startsWith("timm"))
  .map((file) => file.slice(0, -".json".length));
const modern = ["depth-anything", "dinov3", "eva02", "ijepa", "siglip-classifier"];

const models: [string, () => Model][] = [
  ...saved.map((name): [string, () => Model] => [
    name,
    () => open(new URL(`${name}.json`, fixtures), new URL(`${name}.safetensors`, fixtures), "weights."),
  ]),
  ...modern.map((name): [string, () => Model] => [name, () => golden(name)]),
  ...Object.entries(tinyFamilies).map(([name, config]): [string, () => Model] => [
    `random weights of ${name}`,
    () => ({ config, weights: weightsFrom(randomWeights(config, 3)) }),
  ]),
];

const golden = (name: string): Model =>
  open(new URL(`modern/${name}/config.json`, goldenUrl), new URL(`modern/${name}/model.safetensors`, goldenUrl));

/** The weights with some tensors replaced. */
const replaced = (weights: WeightSource, changed: Record<string, HostTensor>): WeightSource =>
  weightsFrom({ ...Object.fromEntries(weights.names.map((name) => [name, weights.read(name)])), ...changed });

const storedOnes = ({ config, weights }: Model): [string, HostTensor][] =>
  Object.entries(readParameters(weights, config)).filter(([name]) => isStoredParameter(name, config));

const far = (a: Float32Array, b: Float32Array): number =>
  a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i]!) / (1 + Math.abs(value))), 0);

describe.each(models)("%s", (_, openModel) => {
  it("gives changed parameters back when it is read again", () => {
    const model = openModel();
    const before = storedOnes(model);
    expect(before.length).toBeGreaterThan(10);
    // Each parameter and element changes by another amount, so that nothing may end up in the place of another.
    const changed = Object.fromEntries(
      before.map(([name, { shape, data }], k) => [
        name,
        { shape, data: data.map((value, i) => value + 0.01 * Math.sin(k + 0.37 * i)) },
      ]),
    );
    const tensors = storedParameters(model.weights, model.config, changed);
    const after = readParameters(replaced(model.weights, tensors), model.config);
    for (const [name, { data }] of Object.entries(changed))
      expect(far(data, after[name]!.data), name).toBeLessThan(2e-6);
  });

  it("keeps unchanged parameters as they are stored", () => {
    const model = openModel();
    const tensors = storedParameters(model.weights, model.config, Object.fromEntries(storedOnes(model)));
    for (const [name, { shape, data }] of Object.entries(tensors)) {
      expect(shape, name).toEqual(model.weights.read(name).shape);
      expect(far(data, model.weights.read(name).data), name).toBeLessThan(1e-6);
    }
  });
});

it("refuses a parameter that the checkpoint does not hold", () => {
  const { config, weights } = golden("siglip-classifier");
  const x = { shape: [1], data: new Float32Array(1) };
  for (const name of ["depth.x", "attentionPool.query", "blocks.0.unknown"])
    expect(() => storedParameters(weights, config, { [name]: x }), name).toThrow(`no place for '${name}'`);
});
