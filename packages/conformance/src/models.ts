/** Compares whole models with random weights with a reference backend, in variants that the golden cases leave out. */
import {
  createVisionModel,
  type DepthHead,
  hostTensor,
  type OutputOptions,
  type ReductionConfig,
  randomWeights,
  specialTokens,
  type VisionModel,
  type VisionModelConfig,
  type VisionOutput,
  weightsFrom,
} from "@ppt-vit/core";
import type { Backend, HostTensor } from "@ppt-vit/core/backend";
import {
  type ConformanceCase,
  type CreateBackend,
  expectClose,
  tolerancesOf,
  uniform,
  withBackend,
} from "./harness.js";
import { elementwise, layerNorm, matMul, transpose } from "./reference.js";
import { runModel } from "./whole-model.js";

/** A ViT small enough for slow devices. Its grid of 5 x 3 patches is not square, so mixed-up axes show. */
export const tinyConfig: VisionModelConfig = {
  imageSize: [20, 12],
  patchSize: [4, 4],
  channels: 3,
  hiddenSize: 24,
  layers: 3,
  heads: 3,
  intermediateSize: 40,
  activation: "gelu",
  layerNormEpsilon: 1e-6,
  qkvBias: true,
  distillationToken: false,
  distillationHead: false,
  pooling: "class",
  labels: ["a", "b", "c", "d", "e"],
};

/** Two images for `tinyModel`. */
export const tinyInput = { pixelValues: uniform([2, 3, 20, 12], 1).data, batch: 2 };

/** The tiny ViT with a reduction in two blocks. */
export const tinyModel = (backend: Backend): Promise<VisionModel> =>
  createVisionModel({
    config: tinyConfig,
    weights: weightsFrom(randomWeights(tinyConfig, 5)),
    backend,
    reduction: { layers: [0, 1], tokensRemoved: 3, threshold: { scaleFree: 0.6 } },
  });

/** A depth head over three blocks, with maps that are larger, as large and smaller than the grid of 5 x 3 patches. */
const tinyDepth: DepthHead = {
  kind: "relative",
  maxDepth: 1,
  stages: [0, 1, 2],
  normalized: false,
  readout: "project",
  neckSizes: [4, 6, 8],
  factors: [2, 1, 0.5],
  fusionSize: 6,
  fusionBias: false,
  fusionTarget: "double",
  headSize: 4,
  headProjection: true,
  target: "double",
};

/** Tiny models with everything that distinguishes their family from a plain ViT. */
export const tinyFamilies: Readonly<Record<string, VisionModelConfig>> = {
  "DINOv2 with registers and SwiGLU": {
    ...tinyConfig,
    registerTokens: 3,
    layerScale: true,
    mlp: "swiglu",
    pooling: "class+mean",
  },
  SigLIP: { ...tinyConfig, activation: "gelu_tanh", classToken: false, pooling: "attention", labels: [] },
  CLIP: { ...tinyConfig, activation: "quick_gelu", patchBias: false, inputNorm: true, projection: 7, labels: [] },
  "DPT on DINOv2": { ...tinyConfig, labels: [], layerScale: true, depth: tinyDepth },
  "Depth Anything, metric": {
    ...{ ...tinyConfig, labels: [], layerScale: true },
    depth: {
      ...{ ...tinyDepth, kind: "metric", maxDepth: 20, normalized: true, readout: "ignore", fusionBias: true },
      ...{ fusionTarget: "next", headProjection: false, target: "patches" },
    },
  },
  "LV-ViT": {
    ...tinyConfig,
    qkvBias: false,
    stem: { kind: "convolution", channels: 6 },
    residualDivisor: 2,
    denseHead: true,
  },
  ...Object.fromEntries(
    (["performer", "transformer"] as const).map((attention) => [
      `T2T-ViT, ${attention}`,
      {
        ...tinyConfig,
        imageSize: [64, 48],
        patchSize: [16, 16],
        qkvBias: false,
        attentionScale: 24 ** -0.5,
        stem: { kind: "tokens-to-token", attention, width: 6 },
        positionInterpolation: "sinusoid",
      } satisfies VisionModelConfig,
    ]),
  ),
};

interface ModelCase {
  readonly name: string;
  readonly config?: Partial<VisionModelConfig>;
  readonly reduction?: ReductionConfig;
  readonly outputs?: OutputOptions;
}

const everyLayer = { layers: [0, 1, 2], tokensRemoved: 3 } as const;
const everything: OutputOptions = {
  lastHiddenState: true,
  source: true,
  scores: true,
  pooled: true,
  denseFeatures: true,
};

const modelCases: readonly ModelCase[] = [
  { name: "unreduced, class token only in the last block" },
  { name: "unreduced, all outputs", outputs: everything },
  {
    name: "pruning in every block, the last one included",
    reduction: { ...everyLayer, threshold: "prune" },
    outputs: { source: true, scores: true },
  },
  {
    name: "pooling in every block, the last one included",
    reduction: { ...everyLayer, threshold: "pool" },
    outputs: { source: true },
  },
  { name: "adaptive in every block", reduction: { ...everyLayer, threshold: { scaleFree: 0.6 } }, outputs: everything },
  { name: "adaptive, logits alone", reduction: { ...everyLayer, threshold: { scaleFree: 0.6 } } },
  {
    name: "one count per layer, clamped",
    reduction: { layers: [0, 2], tokensRemoved: [2, 50], threshold: "pool" },
    outputs: everything,
  },
  {
    name: "without proportional attention",
    reduction: { ...everyLayer, threshold: "pool", proportionalAttention: false },
    outputs: everything,
  },
  { name: "mean pooling", config: { pooling: "mean" }, reduction: { ...everyLayer, threshold: { scaleFree: 0.6 } } },
  {
    name: "mean pooling without proportional attention",
    config: { pooling: "mean" },
    reduction: { ...everyLayer, threshold: "pool", proportionalAttention: false },
  },
  {
    name: "distillation token, pruning",
    config: { distillationToken: true, distillationHead: true },
    reduction: { ...everyLayer, threshold: "prune" },
    outputs: everything,
  },
  {
    name: "distillation token, one head",
    config: { distillationToken: true },
    reduction: { ...everyLayer, threshold: { scaleFree: 0.6 } },
  },
  {
    name: "no qkv bias, tanh GELU",
    config: { qkvBias: false, activation: "gelu_tanh" },
    reduction: { ...everyLayer, threshold: "pool" },
  },
  {
    name: "quick GELU, one head, oblong patches",
    config: { activation: "quick_gelu", heads: 1, patchSize: [5, 3] },
    reduction: { ...everyLayer, threshold: "prune" },
  },
  { name: "no class token", config: { classToken: false, pooling: "mean" }, outputs: { lastHiddenState: true } },
  {
    name: "scores of the mean query, the class token's once",
    reduction: { ...everyLayer, threshold: { scaleFree: 0.6 }, score: ["class", "mean", "mean"] },
    outputs: { scores: true },
  },
  {
    name: "no class token, adaptive",
    config: { classToken: false, pooling: "normalized-mean" },
    reduction: { ...everyLayer, threshold: { scaleFree: 0.6 } },
    outputs: everything,
  },
  {
    name: "no class token, without proportional attention",
    config: { classToken: false, pooling: "mean" },
    reduction: { ...everyLayer, threshold: "pool", proportionalAttention: false },
    outputs: everything,
  },
  { name: "positions of another grid", config: { positionGrid: [2, 4] }, outputs: { lastHiddenState: true } },
  ...Object.entries(tinyFamilies).flatMap(([name, config]): ModelCase[] => [
    { name: `${name}, unreduced`, config },
    {
      name: `${name}, adaptive`,
      config,
      reduction: { layers: [0, 2], tokensRemoved: 2, threshold: { scaleFree: 0.6 } },
      outputs: everything,
    },
  ]),
];

const modelSeed = 5;

function runCase(backend: Backend, { config, reduction, outputs }: ModelCase): Promise<VisionOutput> {
  const full = { ...tinyConfig, ...config };
  const weights = weightsFrom(randomWeights(full, modelSeed));
  const pixels = uniform([3, full.channels, ...full.imageSize], 6);
  return runModel({ config: full, weights, backend, reduction, ...(outputs && { outputs }) }, pixels);
}

/** The logits of a mean-pooling model, computed here from its tokens: weighted by size if `weighted`, else evenly. */
function meanPoolingLogits({ lastHiddenState, size }: VisionOutput, weighted: boolean): HostTensor {
  const weights = randomWeights({ ...tinyConfig, pooling: "mean" }, modelSeed);
  const [B, N, C] = lastHiddenState!.shape as [number, number, number];
  const special = specialTokens(tinyConfig);
  const mean = hostTensor([B, C], (i) => {
    const [image, c] = [Math.floor(i / C), i % C];
    let sum = 0;
    let total = 0;
    for (let j = special; j < N; j++) {
      const weight = weighted ? size.data[image * N + j]! : 1;
      sum += weight * lastHiddenState!.data[(image * N + j) * C + c]!;
      total += weight;
    }
    return sum / total;
  });
  const normed = layerNorm(mean, weights["fc_norm.weight"]!, weights["fc_norm.bias"]!, tinyConfig.layerNormEpsilon);
  const products = matMul(normed, transpose(weights["head.weight"]!, [1, 0]));
  return elementwise((product, bias) => product + bias, products, weights["head.bias"]!);
}

function meanPoolingCases(create: CreateBackend, { capabilities }: Backend): ConformanceCase[] {
  return [true, false].map((proportionalAttention) => ({
    name: `model: mean pooling by hand, ${proportionalAttention ? "weighted by size" : "without proportional attention"}`,
    run: () =>
      withBackend(create, async (backend) => {
        const output = await runCase(backend, {
          name: "",
          config: { pooling: "mean" },
          reduction: { layers: [0, 1], tokensRemoved: 4, threshold: "pool", proportionalAttention },
          outputs: { lastHiddenState: true },
        });
        const expected = meanPoolingLogits(output, proportionalAttention);
        expectClose("logits", output.logits, expected, capabilities.precision === "float32" ? 1e-4 : 3e-2);
      }),
  }));
}

export function wholeModelCases(create: CreateBackend, backend: Backend, reference: CreateBackend): ConformanceCase[] {
  const exact = backend.capabilities.precision === "float32";
  const tolerance = tolerancesOf(backend.capabilities).model;
  const compared = modelCases.map((modelCase) => ({
    name: `model: ${modelCase.name}`,
    async run() {
      const expected = await withBackend(reference, (backend) => runCase(backend, modelCase));
      const actual = await withBackend(create, (backend) => runCase(backend, modelCase));
      expectClose("logits", actual.logits, expected.logits, tolerance);
      if (expected.embedding) expectClose("embedding", actual.embedding, expected.embedding, tolerance);
      if (expected.predictedDepth)
        expectClose("predictedDepth", actual.predictedDepth, expected.predictedDepth, tolerance);
      expected.stages.forEach((stage, k) => {
        if (stage.policies.join() !== actual.stages[k]!.policies.join())
          throw new Error(`stage ${k}: actions ${actual.stages[k]!.policies}, expected ${stage.policies}`);
        if (exact && stage.scores)
          expectClose(`scores of stage ${k}`, actual.stages[k]!.scores, stage.scores, tolerance);
      });
      // In reduced precision, tokens with close scores may change places.
      if (!exact) return;
      expectClose("size", actual.size, expected.size, 0);
      if (expected.lastHiddenState)
        expectClose("lastHiddenState", actual.lastHiddenState, expected.lastHiddenState, tolerance);
      for (const name of ["classToken", "meanToken", "denseFeatures"] as const)
        if (expected[name]) expectClose(name, actual[name], expected[name], tolerance);
      if (expected.source) expectClose("source", actual.source, expected.source, 0);
    },
  }));
  return [...compared, ...meanPoolingCases(create, backend)];
}
