/** The shape of a Vision Transformer: sizes that every model has, and traits in which models differ from a plain ViT. */

import { imageSizeCheck, requireConfig } from "../arguments.js";
import { PptError } from "../errors.js";
import { checkArgument } from "../options.js";
import type { Activation } from "../seam.js";
import { show } from "../show.js";
import type { DepthHead } from "./depth/config.js";

export interface VisionModelConfig extends VisionModelTraits {
  /** Pixels, height and width. */
  readonly imageSize: readonly [number, number];
  /** Pixels of the input that one token stands for, height and width. */
  readonly patchSize: readonly [number, number];
  readonly channels: number;
  /** Width C of a token. */
  readonly hiddenSize: number;
  /** Number of blocks. */
  readonly layers: number;
  readonly heads: number;
  /** Width of the MLP's hidden layer. */
  readonly intermediateSize: number;
  readonly activation: Activation;
  readonly layerNormEpsilon: number;
  readonly qkvBias: boolean;
  /** A second special token, beside the class token, that learnt from a teacher model. */
  readonly distillationToken: boolean;
  /** The distillation token has a head of its own. The logits are the mean of both heads. */
  readonly distillationHead: boolean;
  /**
   * What the head reads. `class`: the class token after the final norm. `mean`: the mean of the patch tokens, weighted by
   * their sizes, with the norm after the mean. `normalized-mean`: the same with the norm before the mean. `class+mean`: the
   * class token and a normalised mean side by side. `distilled`: the mean of class and distillation token after the norm.
   * `attention`: what a learnt query gathers from the normalised tokens, and an MLP behind it (`attention-pool.ts`).
   */
  readonly pooling: "class" | "mean" | "normalized-mean" | "class+mean" | "distilled" | "attention";
  /** Class names in the order of the logits. Empty if the model has no classifier. */
  readonly labels: readonly string[];
}

/**
 * What the logits of a classifier mean. `single-label`: exactly one class is right, and the softmax of the logits gives the
 * probabilities. `multi-label`: each class is right or wrong by itself, and sigmoids give the probabilities. `regression`:
 * the logits are the answer.
 */
export type Problem = "single-label" | "multi-label" | "regression";

/** What differs from a plain ViT. A trait is left out where the model does not differ. */
export interface VisionModelTraits {
  /** Default: `single-label`; with one class `multi-label`, because the softmax of one logit is always 1. */
  readonly problem?: Problem | undefined;
  /** Default true. Without a class token the mean query tells which tokens matter. */
  readonly classToken?: boolean | undefined;
  /** Tokens that follow the class and distillation token and belong to no patch. Default 0. */
  readonly registerTokens?: number | undefined;
  /** How pixels become patch tokens. Default: one linear layer for each patch. */
  readonly stem?: Stem | undefined;
  /** The patch embedding adds a bias. Default true. */
  readonly patchBias?: boolean | undefined;
  /** Number of special tokens that have a row in the stored position table. Default: class and distillation token. */
  readonly positionedTokens?: number | undefined;
  /** Rows and columns of patches in the stored position table. Default: those of `imageSize`. */
  readonly positionGrid?: readonly [number, number] | undefined;
  /** The model has a table of positions, which are added to the patches. Default true. */
  readonly positionTable?: boolean | undefined;
  /** Positions turn queries and keys in every block. Default: they do not. */
  readonly rotary?: RotaryPositions | undefined;
  /** How a stored position table is turned into one for another grid of patches. Default `bicubic`. */
  readonly positionInterpolation?: PositionInterpolation | undefined;
  /** The model runs at the size that preprocessing gives pictures, not at `imageSize`. Default false. */
  readonly sizeFromPreprocessing?: boolean | undefined;
  /** A layer norm stands in front of the first block. Default false. */
  readonly inputNorm?: boolean | undefined;
  /** Multiplies q.k. Default 1 / sqrt(C / heads). */
  readonly attentionScale?: number | undefined;
  /** Linear layers of a block that have no bias though others of their kind have one. Default: none. */
  readonly withoutBias?: readonly BlockLayer[] | undefined;
  /** A layer norm stands in the MLP, in front of its last layer. Default false. */
  readonly mlpNorm?: boolean | undefined;
  /** Default `plain`: fc2(activation(fc1 x)). `swiglu` is fc2(silu(gate x) * fc1 x), `activation` unused. */
  readonly mlp?: "plain" | "swiglu" | undefined;
  /** A learnt factor for each channel multiplies what a block adds to its input. Default false. */
  readonly layerScale?: boolean | undefined;
  /** Divides what a block adds to its input. Default 1. */
  readonly residualDivisor?: number | undefined;
  /** A second head reads all patches: logits = head(class) + max over patches / 2. Used unreduced only. Default false. */
  readonly denseHead?: boolean | undefined;
  /** `false`: the file has a head that pools by attention, and this model leaves it out on purpose. */
  readonly attentionPool?: false | undefined;
  /** `last_hidden_state` holds the tokens before the final norm, as transformers gives it for CLIP. Default false. */
  readonly hiddenStateBeforeNorm?: boolean | undefined;
  /** Width of the embedding, if a linear map without bias makes it from what the head reads. Default: no such map. */
  readonly projection?: number | undefined;
  /** A head that predicts depth from intermediate layers, instead of a classifier or an embedding. Default: none. */
  readonly depth?: DepthHead | undefined;
}

/** How a family makes angles of the rows and columns of patches. */
export interface RotaryPositions {
  /** The base of the frequencies: pair k of an axis turns theta^(-4 k / d) times as fast as the first one, d channels in a head. */
  readonly theta: number;
  /** Angle in radians by which a coordinate of 1 turns the first pair. */
  readonly radians: number;
  /**
   * `centred`: the centres of patches lie between -1 and 1 on each axis, as in DINOv3. A grid [rows, columns]: rows and columns are
   * counted from 0, in units that give every picture as many as this grid has, as in EVA02. `counted`: rows and columns as they are.
   */
  readonly coordinates: "centred" | "counted" | readonly [rows: number, columns: number];
  /** Which channels of a head make a pair: the halves (i, i + d / 2), or `neighbours` (2 i, 2 i + 1). */
  readonly pairs: "halves" | "neighbours";
}

/** The linear layers of a block. */
export type BlockLayer = "query" | "key" | "value" | "output" | "gate" | "fc1" | "fc2";

/** A stem that does more than one linear layer for each patch. The family's file describes its settings. */
export interface Stem {
  readonly kind: string;
  readonly [setting: string]: string | number;
}

/**
 * PyTorch's bicubic interpolation without and with antialiasing, both with `align_corners` false. `sinusoid`: the table is
 * not interpolated; sines and cosines are computed for the new number of positions.
 */
export type PositionInterpolation = "bicubic" | "bicubic-antialiased" | "sinusoid";

/** Number of class, distillation and register tokens. They stand in front of the patches, and no reduction touches them. */
export const specialTokens = ({ classToken, distillationToken, registerTokens }: VisionModelConfig): number =>
  (classToken === false ? 0 : 1) + (distillationToken ? 1 : 0) + (registerTokens ?? 0);

/** What the logits of a classifier mean. */
export const problemOf = ({ problem, labels }: VisionModelConfig): Problem =>
  problem ?? (labels.length === 1 ? "multi-label" : "single-label");

/** Rows and columns of whole patches in one image. A remainder on the right or below is cut off, as other libraries do. */
export const patchGrid = ({ imageSize, patchSize }: VisionModelConfig): [number, number] => [
  Math.floor(imageSize[0] / patchSize[0]),
  Math.floor(imageSize[1] / patchSize[1]),
];

/** Number of patches of one image. */
export function patchCount(config: VisionModelConfig): number {
  const [rows, columns] = patchGrid(config);
  return rows * columns;
}

/** Number of tokens that enter the first block. */
export const tokenCount = (config: VisionModelConfig): number => specialTokens(config) + patchCount(config);

/** The factor of q.k in every block. */
export const attentionScaleOf = ({ attentionScale, hiddenSize, heads }: VisionModelConfig): number =>
  attentionScale ?? 1 / Math.sqrt(hiddenSize / heads);

/** Whether a linear layer of a block has a bias. */
export const hasBias = ({ qkvBias, withoutBias }: VisionModelConfig, layer: BlockLayer): boolean =>
  !withoutBias?.includes(layer) && (qkvBias || !(["query", "key", "value"] as BlockLayer[]).includes(layer));

/** Far above any published model, and low enough that a hostile file cannot make the process run out of memory. */
export const limits = { pixels: 8192, hidden: 16384, layers: 512, labels: 1_000_000, tokens: 10_000 } as const;

/**
 * The same model for pictures of another size, [height, width] in pixels. Its position table is interpolated as the
 * family's own code does it.
 * @throws PptError INVALID_CONFIG if no patch fits, if there are too many patches, or if the model has a stem and patches do
 * not fill the picture exactly
 */
export function withImageSize(config: VisionModelConfig, imageSize: readonly [number, number]): VisionModelConfig {
  requireConfig("withImageSize", config);
  checkArgument("withImageSize", "imageSize", imageSize, imageSizeCheck, "INVALID_CONFIG");
  const problem = imageSizeProblem(imageSize, config.patchSize, config.stem !== undefined);
  if (problem) throw new PptError("INVALID_CONFIG", `config: ${problem}`);
  const [height, width] = imageSize;
  return { ...config, imageSize: [height, width], positionGrid: config.positionGrid ?? patchGrid(config) };
}

/** What is wrong with an image size; undefined if nothing is. `whole`: patches have to fill the picture exactly. */
export function imageSizeProblem(
  imageSize: readonly [number, number],
  patchSize: readonly [number, number],
  whole = false,
): string | undefined {
  const isSide = (n: unknown) => Number.isInteger(n) && (n as number) >= 1 && (n as number) <= limits.pixels;
  if (imageSize.length !== 2 || !imageSize.every(isSide))
    return `image size must be two whole numbers from 1 to ${limits.pixels}, height and width, got ${show(imageSize)}`;
  if (imageSize[0] < patchSize[0] || imageSize[1] < patchSize[1])
    return `patch_size ${patchSize.join("x")} is larger than image_size ${imageSize.join("x")}`;
  if (whole && (imageSize[0] % patchSize[0] !== 0 || imageSize[1] % patchSize[1] !== 0))
    return `patch_size ${patchSize.join("x")} does not divide image_size ${imageSize.join("x")}`;
  const patches = Math.floor(imageSize[0] / patchSize[0]) * Math.floor(imageSize[1] / patchSize[1]);
  if (patches > limits.tokens) return `${patches} patches are more than ${limits.tokens}`;
  return undefined;
}
