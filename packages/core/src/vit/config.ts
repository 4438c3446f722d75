/** The geometry of a Vision Transformer: what is common to all families, and what some of them do differently. */

import { imageSizeCheck, requireConfig } from "../arguments.js";
import type { Activation } from "../backend.js";
import { PptError } from "../errors.js";
import { checkArgument } from "../options.js";
import { show } from "../show.js";

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
  /** DeiT's second special token. */
  readonly distillationToken: boolean;
  /** The distillation token has a head of its own, and the logits are the mean of both heads. */
  readonly distillationHead: boolean;
  /**
   * What the head reads: the class token; the mean of the patch tokens weighted by their sizes, normalised after pooling;
   * the mean of tokens that were normalised before (`normalized-mean`, timm with `fc_norm: false`); class token and such a
   * mean side by side (DINOv2); or the mean of class and distillation token, normalised before (timm's distilled DeiT).
   */
  readonly pooling: "class" | "mean" | "normalized-mean" | "class+mean" | "distilled";
  /** Class names, in the order of the logits; none where the model has no classifier. */
  readonly labels: readonly string[];
}

/**
 * What the logits of a classifier are. `single-label`: one class is right, probabilities are their softmax.
 * `multi-label`: each class is right or not by itself, probabilities are sigmoids. `regression`: each logit is the answer.
 */
export type Problem = "single-label" | "multi-label" | "regression";

/** What differs from a plain ViT. Each is left out where it does not. */
export interface VisionModelTraits {
  /** Default: `single-label`, and `multi-label` with one class, whose softmax would always be 1. */
  readonly problem?: Problem | undefined;
  /** Default true. Without it nothing tells which tokens matter, so such a model cannot be reduced. */
  readonly classToken?: boolean | undefined;
  /** Tokens behind the class and distillation token that belong to no patch and have no position. Default 0. */
  readonly registerTokens?: number | undefined;
  /** How pixels become patch tokens. Default: one linear layer for each patch. */
  readonly stem?: Stem | undefined;
  /** The patch embedding adds a bias. Default true. */
  readonly patchBias?: boolean | undefined;
  /** Special tokens that have a row in the stored position table. Default: class and distillation token. */
  readonly positionedTokens?: number | undefined;
  /** Patches of the stored position table, rows and columns, where they are not those of `imageSize`. */
  readonly positionGrid?: readonly [number, number] | undefined;
  /** How the position table becomes one of another grid. Default `bicubic`. */
  readonly positionInterpolation?: PositionInterpolation | undefined;
  /** Pictures have the size that preprocessing gives them, whatever `imageSize` says (DINOv2). Default false. */
  readonly sizeFromPreprocessing?: boolean | undefined;
  /** A layer norm in front of the first block (CLIP). Default false. */
  readonly inputNorm?: boolean | undefined;
  /** Multiplies q.k. Default 1 / sqrt(C / heads). */
  readonly attentionScale?: number | undefined;
  /** Default `plain`: fc2(activation(fc1 x)). `swiglu` is fc2(silu(gate x) * fc1 x), `activation` unused. */
  readonly mlp?: "plain" | "swiglu" | undefined;
  /** What a block adds is multiplied by a learnt factor for each channel. Default false. */
  readonly layerScale?: boolean | undefined;
  /** What a block adds is divided by this (`skip_lam` of LV-ViT). Default 1. */
  readonly residualDivisor?: number | undefined;
  /** A second head over all patches (LV-ViT): logits = head(class) + max over patches / 2, unreduced only. Default false. */
  readonly denseHead?: boolean | undefined;
  /** Width of the linear map behind the class token that makes the embedding of CLIP. Default: no such map. */
  readonly projection?: number | undefined;
}

/** The stem of a family that does more than one linear layer for each patch: its kind, and settings that its file describes. */
export interface Stem {
  readonly kind: string;
  readonly [setting: string]: string | number;
}

/**
 * PyTorch's bicubic interpolation without and with antialiasing, both with align_corners false; or the sinusoids of the
 * new number of positions (T2T-ViT).
 */
export type PositionInterpolation = "bicubic" | "bicubic-antialiased" | "sinusoid";

/** Class, distillation and register tokens, in front of the patches. They are never scored, matched or removed. */
export const specialTokens = ({ classToken, distillationToken, registerTokens }: VisionModelConfig): number =>
  (classToken === false ? 0 : 1) + (distillationToken ? 1 : 0) + (registerTokens ?? 0);

/** What the logits of a classifier are. */
export const problemOf = ({ problem, labels }: VisionModelConfig): Problem =>
  problem ?? (labels.length === 1 ? "multi-label" : "single-label");

/** Whole patches of one image, rows and columns. What remains on the right and below is dropped, as libraries do. */
export const patchGrid = ({ imageSize, patchSize }: VisionModelConfig): [number, number] => [
  Math.floor(imageSize[0] / patchSize[0]),
  Math.floor(imageSize[1] / patchSize[1]),
];

/** Patches of one image. */
export function patchCount(config: VisionModelConfig): number {
  const [rows, columns] = patchGrid(config);
  return rows * columns;
}

/** Tokens that enter the first block. */
export const tokenCount = (config: VisionModelConfig): number => specialTokens(config) + patchCount(config);

/** Multiplies q.k in every block. */
export const attentionScaleOf = ({ attentionScale, hiddenSize, heads }: VisionModelConfig): number =>
  attentionScale ?? 1 / Math.sqrt(hiddenSize / heads);

/** Far above any published model, and low enough that a hostile file cannot ask for the machine's whole memory. */
export const limits = { pixels: 8192, hidden: 16384, layers: 512, labels: 1_000_000, tokens: 10_000 } as const;

/**
 * The same model for pictures of another size, [height, width] in pixels: its position table is interpolated as the
 * family's own code does it.
 * @throws PptError INVALID_CONFIG where no patch fits, where patches are too many, or where they do not fill pictures of a
 * model whose stem shrinks them step by step
 */
export function withImageSize(config: VisionModelConfig, imageSize: readonly [number, number]): VisionModelConfig {
  requireConfig("withImageSize", config);
  checkArgument("withImageSize", "imageSize", imageSize, imageSizeCheck, "INVALID_CONFIG");
  const problem = imageSizeProblem(imageSize, config.patchSize, config.stem !== undefined);
  if (problem) throw new PptError("INVALID_CONFIG", `config: ${problem}`);
  const [height, width] = imageSize;
  return { ...config, imageSize: [height, width], positionGrid: config.positionGrid ?? patchGrid(config) };
}

/** What is wrong with an image size, if anything. `whole`: patches have to fill it. */
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
