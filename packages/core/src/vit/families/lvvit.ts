/**
 * LV-ViT (Jiang et al., arXiv 2104.10858). Three convolutions precede its patches, residuals are divided, and a second head
 * reads all patches. Its authors publish no configuration file, so the fields are those of Hugging Face's ViT and a few more,
 * which apps/docs/guide/families.md lists.
 */

import { PptError } from "../../errors.js";
import { processorDefaults } from "../../io/processor-defaults.js";
import type { HostTensor, Shape } from "../../seam.js";
import { sizeOf } from "../../shape.js";
import type { VisionModelConfig } from "../config.js";
import type { Family, StemKind } from "../family.js";
import { type Fields, type Held, invalid, readPaperClassifier } from "../fields.js";
import { fusedClassifiers, fusedNames, fusedRoots } from "../names.js";
import { parametersOf } from "../parameters.js";

function readConfig(fields: Fields, held: Held): VisionModelConfig {
  const config = readPaperClassifier(fields, held);
  if (config.patchSize.some((side) => side % 2 !== 0))
    invalid(`patch_size ${config.patchSize.join("x")} must be even: half of it is left for the last convolution`);
  return {
    ...config,
    stem: { kind: "convolution", channels: fields.count("stem_channels", 1024, 64) },
    residualDivisor: fields.positive("skip_lam", 1000, 1),
    denseHead: fields.flag("dense_head", true),
  };
}

interface ConvolutionStem {
  readonly kind: "convolution";
  /** Channels of each convolution's output. */
  readonly channels: number;
  readonly [setting: string]: string | number;
}

/** The first convolution halves the picture, so the patches that follow have half the size. */
const convolutions = [
  { kernel: [7, 7], stride: [2, 2], padding: [3, 3] },
  { kernel: [3, 3], stride: [1, 1], padding: [1, 1] },
  { kernel: [3, 3], stride: [1, 1], padding: [1, 1] },
] as const;

/** PyTorch's default, which the authors keep. */
const batchNormEpsilon = 1e-5;

const halfPatch = ({ patchSize }: VisionModelConfig): readonly [number, number] => [patchSize[0] / 2, patchSize[1] / 2];

const stem: StemKind<ConvolutionStem> = {
  kind: "convolution",
  names: { prefix: "patch_embed.", patchEmbedding: "patch_embed.proj" },

  shapes(stem, { channels }) {
    const shapes: Record<string, Shape> = {};
    convolutions.forEach(({ kernel }, i) => {
      shapes[`conv${i + 1}.weight`] = [stem.channels, i === 0 ? channels : stem.channels, ...kernel];
      for (const part of ["weight", "bias", "running_mean", "running_var"])
        shapes[`bn${i + 1}.${part}`] = [stem.channels];
    });
    return shapes;
  },

  /** `stem.i.{weight,bias}`: each convolution with its batch norm folded in. */
  parameters(_, tensor) {
    const parameters: Record<string, HostTensor> = {};
    convolutions.forEach((_, i) => {
      const { weight, bias } = foldedBatchNorm(tensor, `conv${i + 1}`, `bn${i + 1}`);
      parameters[`stem.${i}.weight`] = weight;
      parameters[`stem.${i}.bias`] = bias;
    });
    return parameters;
  },

  patchEmbedding: (stem, config) => [config.hiddenSize, stem.channels, ...halfPatch(config)],

  patches(ops, _, config, params, pixels) {
    const features = convolutions.reduce((x, window, i) => {
      const p = parametersOf(params, `stem.${i}.`);
      return ops.scope(`convolution.${i}`, () =>
        ops.activation(ops.convolution(x, p.weight!, p.bias!, window), "relu"),
      );
    }, pixels);
    const size = halfPatch(config);
    return ops.unfold(features, { kernel: size, stride: size, padding: [0, 0] });
  },

  macs(stem, { imageSize, channels }) {
    let [positions, inputs, macs] = [imageSize[0] * imageSize[1], channels, 0];
    for (const { kernel, stride } of convolutions) {
      positions /= sizeOf(stride);
      macs += positions * stem.channels * inputs * sizeOf(kernel);
      inputs = stem.channels;
    }
    return macs;
  },
};

/** One convolution instead of a convolution without bias and its batch norm: g (W x - mean) / sqrt(var + e) + b. */
function foldedBatchNorm(
  tensor: (name: string) => HostTensor,
  convolution: string,
  batchNorm: string,
): { weight: HostTensor; bias: HostTensor } {
  const weight = tensor(`${convolution}.weight`);
  const [gain, shift, mean, variance] = ["weight", "bias", "running_mean", "running_var"].map(
    (part) => tensor(`${batchNorm}.${part}`).data,
  ) as [Float32Array, Float32Array, Float32Array, Float32Array];
  const factors = Float64Array.from(gain, (g, o) => g / Math.sqrt(variance[o]! + batchNormEpsilon));
  const bad = factors.findIndex((factor) => !Number.isFinite(factor));
  if (bad >= 0)
    throw new PptError(
      "INVALID_WEIGHTS",
      `weights: '${batchNorm}' has the variance ${variance[bad]} at element ${bad}`,
    );
  const { shape, data } = weight;
  const inputs = data.length / factors.length;
  return {
    weight: { shape, data: data.map((w, i) => w * factors[Math.floor(i / inputs)]!) },
    bias: { shape: [factors.length], data: Float32Array.from(factors, (factor, o) => shift[o]! - factor * mean[o]!) },
  };
}

export const lvvit: Family = {
  title: "LV-ViT",
  modelTypes: { lvvit: { preprocessing: processorDefaults.ViT! } },
  examples: [
    {
      model_type: "lvvit",
      image_size: 32,
      patch_size: 8,
      hidden_size: 24,
      num_hidden_layers: 2,
      num_attention_heads: 3,
      num_labels: 5,
      stem_channels: 6,
      skip_lam: 2,
    },
  ],
  config: readConfig,
  names: [fusedNames],
  classifiers: fusedClassifiers,
  roots: fusedRoots,
  // A counter that batch norms need in training.
  ignored: [/(^|\.)num_batches_tracked$/],
  stem,
};
