/** Tests every family against its reference: what transformers and timm compute in float64 with tiny seeded models. */
import { readFileSync } from "node:fs";
import { createCpuBackend } from "@ppt-vit/backend-cpu";
import { createOnnxBackend } from "@ppt-vit/backend-onnx";
import {
  type Backend,
  createVisionModel,
  type HostTensor,
  parseModelConfig,
  parseSafetensors,
  type SafetensorsFile,
  type VisionModelConfig,
  type VisionOutput,
  type WeightSource,
  weightsFrom,
  withImageSize,
} from "@ppt-vit/core";
import { interpolatePositions } from "@ppt-vit/core/testing";
import { describe, expect, it } from "vitest";

const read = (file: string) => readFileSync(new URL(`../fixtures/families/${file}`, import.meta.url));
const pixels = parseSafetensors(read("pixels.safetensors"), "pixels");

/** The tensors of a fixture whose names start with a prefix. */
const below = (file: SafetensorsFile, prefix: string, rename = (name: string) => name): WeightSource => ({
  names: file.names.filter((name) => name.startsWith(prefix)).map((name) => name.slice(prefix.length)),
  has: (name) => file.has(prefix + rename(name)),
  read: (name) => file.read(prefix + rename(name)),
});

/** A tiny model of a timm architecture. The name says everything but the size. */
function timmConfig(
  architecture: string,
  file: Record<string, unknown>,
  tiny: Record<string, number>,
): VisionModelConfig {
  const config = parseModelConfig({ architecture, ...file });
  return {
    ...config,
    imageSize: [16, 16],
    patchSize: [4, 4],
    hiddenSize: 16,
    layers: 2,
    heads: 2,
    intermediateSize: 40,
    ...tiny,
  };
}

const huggingFace = (name: string) => parseModelConfig(JSON.parse(read(`${name}.json`).toString()));

const cases: readonly [name: string, config: VisionModelConfig][] = [
  ...[
    "vit",
    "dino",
    "vit-msn",
    "deit-distilled",
    "deit-one-head",
    "mae",
    "dinov2",
    "dinov2-swiglu",
    "dinov2-registers",
    "dpt-dinov2",
  ].map((name): [string, VisionModelConfig] => [name, huggingFace(name)]),
  ["clip", huggingFace("clip")],
  ["clip-tower", huggingFace("clip-tower")],
  ["owlvit", huggingFace("owlvit")],
  ["timm-vit", timmConfig("vit_tiny_patch16_224", { num_classes: 3 }, {})],
  ["timm-mean", timmConfig("vit_tiny_patch16_224", { num_classes: 3, global_pool: "avg" }, {})],
  ["timm-deit3", timmConfig("deit3_small_patch16_224", { num_classes: 3 }, {})],
  [
    "timm-dinov2-giant",
    timmConfig("vit_giant_patch14_reg4_dinov2", { num_classes: 0 }, { registerTokens: 3, intermediateSize: 32 }),
  ],
  [
    "timm-no-class-token",
    timmConfig("vit_tiny_patch16_224", { num_classes: 3, model_args: { class_token: false, global_pool: "avg" } }, {}),
  ],
  [
    "timm-siglip",
    timmConfig("vit_base_patch16_siglip_224", { num_classes: 3, model_args: { act_layer: "gelu_tanh" } }, {}),
  ],
  // Its head leaves out the registers.
  [
    "timm-map-registers",
    timmConfig("vit_so150m_patch16_reg4_map_256", { num_classes: 3 }, { registerTokens: 2, positionedTokens: 2 }),
  ],
];

const backends: readonly [string, () => Promise<Backend>][] = [
  ["CPU", async () => createCpuBackend()],
  ["ONNX Runtime, native", () => createOnnxBackend({ device: "cpu" })],
];

async function run(backend: Backend, config: VisionModelConfig, weights: WeightSource, x: HostTensor) {
  const [batch, , height, width] = x.shape as [number, number, number, number];
  const outputs = { lastHiddenState: true };
  const model = await createVisionModel({ config, imageSize: [height, width], weights, backend, outputs });
  const alone = await createVisionModel({ config: model.config, weights, backend });
  try {
    const output = await model.run({ pixelValues: x.data, batch });
    // Without the hidden state, the last block computes only what the head reads.
    return { output, alone: await alone.run({ pixelValues: x.data, batch }) };
  } finally {
    await model.dispose();
    await alone.dispose();
  }
}

function expectNear(actual: HostTensor | undefined, expected: HostTensor, within: number): void {
  expect(actual?.shape).toEqual(expected.shape);
  const difference = expected.data.map((value, i) => Math.abs(actual!.data[i]! - value) / (1 + Math.abs(value)));
  expect(Math.max(...difference)).toBeLessThan(within);
}

describe.each(backends)("on %s", (_backend, create) => {
  describe.each(cases)("%s computes what its reference computes", (name, config) => {
    const fixture = parseSafetensors(read(`${name}.safetensors`), name);
    const weights = below(fixture, "weights.");

    it.each(["trained", "larger", "smaller"])("at the %s size", async (size) => {
      const backend = await create();
      const { output, alone } = await run(backend, config, weights, pixels.read(size));
      await backend.dispose();
      const wanted = (tensor: string) => `runs.${size}.${tensor}`;
      const stored: Record<string, (from: Partial<VisionOutput>) => HostTensor | undefined> = {
        logits: ({ logits }) => logits,
        embedding: ({ embedding }) => embedding,
        predicted_depth: ({ predictedDepth }) => predictedDepth,
        last_hidden_state: ({ lastHiddenState }) => lastHiddenState,
      };
      const found = Object.entries(stored).filter(([tensor]) => fixture.has(wanted(tensor)));
      expect(found).toHaveLength(1);
      for (const [tensor, of] of found) {
        const expected = fixture.read(wanted(tensor));
        expectNear(of(output), expected, 1e-4);
        if (tensor !== "last_hidden_state") expectNear(of(alone), expected, 1e-4);
      }
    });
  });
});

describe("names of transformers 5, as its modules have them", () => {
  /** Finds a weight by its new name under the name that checkpoints store. */
  const attention = [
    [/attention\.attention\.query/, "attention.q_proj"],
    [/attention\.attention\.key/, "attention.k_proj"],
    [/attention\.attention\.value/, "attention.v_proj"],
    [/attention\.output\.dense/, "attention.o_proj"],
  ] as const;
  const vit = [
    ...attention,
    [/\bencoder\.layer\./, "layers."],
    [/intermediate\.dense/, "mlp.fc1"],
    [/\boutput\.dense/, "mlp.fc2"],
  ] as const;

  it.each([
    ["vit", vit],
    ["deit-distilled", vit],
    ["mae", vit],
    ["dinov2", attention],
    ["dinov2-registers", attention],
  ] as const)("%s", async (name, rules) => {
    const fixture = parseSafetensors(read(`${name}.safetensors`), name);
    const old = below(fixture, "weights.");
    const renamed = (name: string) => rules.reduce<string>((known, [old, now]) => known.replace(old, now), name);
    const weights = weightsFrom(Object.fromEntries(old.names.map((name) => [renamed(name), old.read(name)])));
    expect(weights.names.filter((name) => old.has(name) && /attention\./.test(name))).toEqual([]);
    const x = pixels.read("trained");
    const backend = createCpuBackend();
    const config = huggingFace(name);
    const [now, before] = [await run(backend, config, weights, x), await run(backend, config, old, x)];
    expect(now.output.lastHiddenState).toEqual(before.output.lastHiddenState);
  });
});

describe("interpolatePositions", () => {
  const file = parseSafetensors(read("interpolation.safetensors"), "interpolation");
  const resized = file.names.filter((name) => name !== "table");

  it.each(resized)("%s equals PyTorch's within 1e-5", (name) => {
    const [method, size] = name.split(".") as ["bicubic" | "bicubic-antialiased", string];
    const to = size.split("x").map(Number) as [number, number];
    const data = interpolatePositions(file.read("table").data, [5, 7], to, method);
    expectNear({ shape: [to[0] * to[1], 2], data }, file.read(name), 1e-5);
  });

  it("knows both methods at five sizes", () => {
    expect(resized).toHaveLength(10);
  });
});

describe("withImageSize", () => {
  const config = huggingFace("vit");

  it("keeps the grid of the stored table, however often the size changes", () => {
    const twice = withImageSize(withImageSize(config, [24, 20]), [8, 8]);
    expect(twice).toMatchObject({ imageSize: [8, 8], positionGrid: [4, 4] });
    expect(withImageSize(config, [16, 16])).toEqual({ ...config, positionGrid: [4, 4] });
  });

  it.each([
    [[3, 16], "patch_size 4x4 is larger than image_size 3x16"],
    [[0, 16], "image size must be two whole numbers"],
    [[16.5, 16], "image size must be two whole numbers"],
    [[8000, 8000], "patches are more than"],
  ] as const)("refuses %j", (size, message) => {
    expect(() => withImageSize(config, size)).toThrow(expect.objectContaining({ code: "INVALID_CONFIG" }));
    expect(() => withImageSize(config, size)).toThrow(message);
  });
});
