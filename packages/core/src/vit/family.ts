/** What a model family tells about itself. Each family is one file in `families/` and one entry in `families/index.ts`. */

import type { ImageProcessorConfig } from "../io/processor-config.js";
import type { HostTensor, Ops, Shape, Tensor, Tensors } from "../seam.js";
import type { Stem, VisionModelConfig } from "./config.js";
import type { Fields, Held } from "./fields.js";
import type { NameSet } from "./names.js";

type Json = Readonly<Record<string, unknown>>;

/** What a `model_type` in `config.json` stands for. */
export interface ModelType {
  /** Values for the fields that a `preprocessor_config.json` leaves out, if the file names no image processor. */
  readonly preprocessing: Json;
  /** transformers.js builds the same network from such a `config.json`, so an export keeps that file. Default false. */
  readonly transformersJs?: boolean;
}

/** What every family tells of itself. */
interface FamilyFacts {
  /** The names of the models, as errors show them: "ViT, DeiT, MAE". */
  readonly title: string;
  /** The values of `model_type` that belong to this family. */
  readonly modelTypes: Readonly<Record<string, ModelType>>;
  /** Whether a `config.json` without `model_type` belongs to this family. */
  readonly recognises?: (fields: Fields) => boolean;
  /** Values of `model_type` that look like this family's and are not. Each has the end of its error, as in `refused`. */
  readonly refusedTypes?: Readonly<Record<string, string>>;
  /** Classes in `architectures` that the program cannot run. Each has the end of its error: "X is not supported; ...". */
  readonly refused?: Readonly<Record<string, string>>;
  /** Small `config.json` files. The first is the plainest model. Tests read each one and run it with random weights. */
  readonly examples: readonly Json[];

  /** What the tensors are called: one entry for each library, or version of it, that saves such models. */
  readonly names: readonly NameSet[];
  /** A checkpoint has a classifier if it has one of these tensors. */
  readonly classifiers: readonly string[];
  /** Words in front of all names if the model is a part of a larger one: `vit` in `vit.encoder.layer.0.norm1.weight`. */
  readonly prefixes?: readonly string[];
  /** First words of the model's own tensors. If nothing reads a tensor under one of them, that is an error. */
  readonly roots: readonly string[];
  /** Tensors that no prediction needs. Nothing has to read them. */
  readonly ignored?: readonly RegExp[];
  /** Older names of tensors and their present names, as `String.replace` takes them. */
  readonly renamed?: readonly (readonly [old: RegExp, now: string])[];

  /** Left out if one linear layer for each patch makes the tokens. */
  readonly stem?: StemKind;
}

/** What reads the files of a family. */
export interface FamilyReader {
  /**
   * Reads a `config.json`. Traits of `VisionModelConfig` say what differs from a plain ViT: the program knows traits, but no
   * family. `held` tells which tensors the checkpoint has; it decides where a file is silent or wrong.
   * @throws PptError INVALID_CONFIG
   */
  config(fields: Fields, held: Held): VisionModelConfig;
  /** Preprocessing as `config.json` itself describes it, before any other file. Undefined if it says nothing. */
  readonly preprocessingOf?: (fields: Fields) => ImageProcessorConfig | undefined;
  /** Preprocessing if no file says anything. If a family has none, such a checkpoint is an error. */
  readonly preprocessingWithoutFile?: () => ImageProcessorConfig;
}

/** A family whose reader is large, and is loaded with the first checkpoint that needs it. */
export interface LazyFamily extends FamilyFacts {
  loadReader(): Promise<FamilyReader>;
}

/** An ordinary family. */
export interface Family extends FamilyFacts, FamilyReader {}

export type AnyFamily = Family | LazyFamily;

/**
 * What a family computes in front of the linear layer that makes patch tokens. `Settings` is the type of
 * `VisionModelConfig.stem`.
 */
export interface StemKind<Settings extends Stem = Stem> {
  readonly kind: Settings["kind"];
  readonly names: {
    /** What the names of the stem's tensors begin with. */
    readonly prefix: string;
    /** The linear layer that follows the stem. */
    readonly patchEmbedding: string;
  };
  /** Shapes of the stem's tensors in a checkpoint, by their names without the prefix. */
  shapes(stem: Settings, config: VisionModelConfig): Record<string, Shape>;
  /**
   * Makes the program's parameters from those tensors. Their names begin with `stem.`.
   * @throws PptError INVALID_WEIGHTS
   */
  parameters(stem: Settings, tensor: (name: string) => HostTensor): Record<string, HostTensor>;
  /** Shape of the following linear layer's weight, as checkpoints store it: [C, ...]. */
  patchEmbedding(stem: Settings, config: VisionModelConfig): Shape;
  /** pixels [B, channels, H, W] -> input of the linear layer [B, patches, features], patches row by row */
  patches<T extends Tensor>(ops: Ops<T>, stem: Settings, config: VisionModelConfig, params: Tensors<T>, pixels: T): T;
  /** Multiply-accumulates of `patches` for one image. */
  macs(stem: Settings, config: VisionModelConfig): number;
}
