/** The weights of a stem: their names and shapes in the original checkpoints, and the parameters made from them. */
import type { HostTensor, Shape } from "../backend.js";
import { PptError } from "../errors.js";
import { sizeOf } from "../shape.js";
import type { VisionModelConfig } from "./config.js";
import { softSplits, stemConvolutions } from "./stem.js";
import type { ReadTensor } from "./weights.js";

/** PyTorch's default, which LV-ViT does not change. */
const batchNormEpsilon = 1e-5;

/** Shape of the weight that turns what the stem made of a patch into a token: as it is stored, and as [C, features]. */
export function patchEmbeddingInput(config: VisionModelConfig, form: "stored" | "flat"): Shape {
  const { hiddenSize: C, channels, patchSize, stem } = config;
  const stored = (): Shape => {
    if (!stem) return [C, channels, ...patchSize];
    if (stem.kind === "convolution") return [C, stem.channels, patchSize[0] / 2, patchSize[1] / 2];
    return [C, stem.width * sizeOf(softSplits[2].kernel)];
  };
  const shape = stored();
  return form === "stored" ? shape : [C, sizeOf(shape.slice(1))];
}

/** Widths of the windows that the two steps of T2T-ViT see. */
export const windowWidths = (channels: number, width: number): readonly [number, number] => [
  channels * sizeOf(softSplits[0].kernel),
  width * sizeOf(softSplits[1].kernel),
];

/** Random features of the performer: half as many as the token is wide, as published. */
export const performerFeatures = (width: number): number => Math.max(1, Math.floor(width / 2));

/** All tensors of the stem under their original names, without the prefix. Empty for plain patches. */
export function stemShapes({ stem, channels }: VisionModelConfig): Record<string, Shape> {
  const shapes: Record<string, Shape> = {};
  const layer = (name: string, O: number, I: number, bias = true) => {
    shapes[`${name}.weight`] = [O, I];
    if (bias) shapes[`${name}.bias`] = [O];
  };
  const norm = (name: string, C: number, statistics = false) => {
    for (const part of statistics ? ["weight", "bias", "running_mean", "running_var"] : ["weight", "bias"])
      shapes[`${name}.${part}`] = [C];
  };
  if (stem?.kind === "convolution")
    stemConvolutions.forEach(({ kernel }, i) => {
      shapes[`conv${i + 1}.weight`] = [stem.channels, i === 0 ? channels : stem.channels, ...kernel];
      norm(`bn${i + 1}`, stem.channels, true);
    });
  if (stem?.kind === "tokens-to-token") {
    const { width, attention } = stem;
    const performer = attention === "performer";
    windowWidths(channels, width).forEach((window, i) => {
      const step = `attention${i + 1}`;
      norm(`${step}.norm1`, window);
      layer(`${step}.${performer ? "kqv" : "attn.qkv"}`, 3 * width, window, performer);
      layer(`${step}.${performer ? "proj" : "attn.proj"}`, width, width);
      norm(`${step}.norm2`, width);
      layer(`${step}.mlp.${performer ? "0" : "fc1"}`, width, width);
      layer(`${step}.mlp.${performer ? "2" : "fc2"}`, width, width);
      if (performer) shapes[`${step}.w`] = [performerFeatures(width), width];
    });
  }
  return shapes;
}

/**
 * The parameters of the stem: `stem.i.{weight,bias}` of LV-ViT's convolutions with batch norm folded in, or
 * `stem.i.{norm1,query,key,value,output,norm2,fc1,fc2,features}` of the steps of T2T-ViT.
 * @throws PptError INVALID_WEIGHTS
 */
export function stemParameters(
  config: VisionModelConfig,
  prefix: string,
  read: ReadTensor,
): Record<string, HostTensor> {
  const shapes = stemShapes(config);
  const tensor = (name: string) => read(`${prefix}${name}`, shapes[name]!);
  const parameters: Record<string, HostTensor> = {};

  if (config.stem?.kind === "convolution")
    stemConvolutions.forEach((_, i) => {
      const { weight, bias } = foldedBatchNorm(tensor, `conv${i + 1}`, `bn${i + 1}`);
      parameters[`stem.${i}.weight`] = weight;
      parameters[`stem.${i}.bias`] = bias;
    });

  if (config.stem?.kind === "tokens-to-token") {
    const performer = config.stem.attention === "performer";
    for (const i of [0, 1]) {
      const names = performer ? performerNames : transformerNames;
      for (const [part, name] of Object.entries(names))
        for (const suffix of ["weight", "bias"])
          parameters[`stem.${i}.${part}.${suffix}`] = tensor(`attention${i + 1}.${name}.${suffix}`);
      // The performer's projection holds k, q, v, the transformer's q, k, v.
      const order = performer ? ["key", "query", "value"] : ["query", "key", "value"];
      for (const suffix of performer ? ["weight", "bias"] : ["weight"]) {
        const { shape, data } = tensor(`attention${i + 1}.${performer ? "kqv" : "attn.qkv"}.${suffix}`);
        const third = data.length / 3;
        order.forEach((part, at) => {
          parameters[`stem.${i}.${part}.${suffix}`] = {
            shape: [shape[0]! / 3, ...shape.slice(1)],
            data: data.subarray(at * third, (at + 1) * third),
          };
        });
      }
      if (performer) parameters[`stem.${i}.features`] = tensor(`attention${i + 1}.w`);
    }
  }
  return parameters;
}

const transformerNames = {
  norm1: "norm1",
  output: "attn.proj",
  norm2: "norm2",
  fc1: "mlp.fc1",
  fc2: "mlp.fc2",
} as const;

const performerNames = { norm1: "norm1", output: "proj", norm2: "norm2", fc1: "mlp.0", fc2: "mlp.2" } as const;

/** A convolution without bias and the batch norm behind it, as one: g (W x - mean) / sqrt(var + e) + b. */
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
  const inputs = weight.data.length / factors.length;
  return {
    weight: { shape: weight.shape, data: weight.data.map((w, i) => w * factors[Math.floor(i / inputs)]!) },
    bias: { shape: [factors.length], data: Float32Array.from(factors, (factor, o) => shift[o]! - factor * mean[o]!) },
  };
}
