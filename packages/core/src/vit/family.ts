/** What a model family says of itself. Each family is one file in `families/` and one line in `families/index.ts`. */
import type { HostTensor, Ops, Shape, Tensor, Tensors } from "../backend.js";
import type { ImageProcessorConfig } from "../io/processor-config.js";
import type { Stem, VisionModelConfig } from "./config.js";
import type { Fields, Held } from "./fields.js";
import type { NameSet } from "./names.js";

type Json = Readonly<Record<string, unknown>>;

/** What depends on the `model_type` of a `config.json`. */
export interface ModelType {
  /** The fields of `preprocessor_config.json` as they are where that file lacks them and names no image processor. */
  readonly preprocessing: Json;
  /** transformers.js builds the same network from such a `config.json`, so an export may keep the file as it is. */
  readonly transformersJs?: boolean;
}

export interface Family {
  /** For errors: the models that people know it by. */
  readonly title: string;
  /** By the value of `model_type`. */
  readonly modelTypes: Readonly<Record<string, ModelType>>;
  /** Whether a `config.json` without `model_type` is one of this family. */
  readonly recognises?: (fields: Fields) => boolean;
  /** Classes of `architectures` that the program cannot run, and what to take in their place: "X is not supported; ...". */
  readonly refused?: Readonly<Record<string, string>>;
  /** Small `config.json` files of this family, the first of them its plainest model. Tests read them and fill them with weights. */
  readonly examples: readonly Json[];

  /**
   * Reads a `config.json`. What differs from a plain ViT is said by traits of `VisionModelConfig`: the program and the
   * weights know traits and no family.
   * @throws PptError INVALID_CONFIG
   */
  config(fields: Fields, held: Held): VisionModelConfig;

  /** What the tensors are called, one entry for each library and version that saves such models. */
  readonly names: readonly NameSet[];
  /** Tensors that show that a checkpoint has a classifier. */
  readonly classifiers: readonly string[];
  /** Words that stand in front of the tensors where the model is a part of another one: `vit` in `vit.encoder.layer.0...` */
  readonly prefixes?: readonly string[];
  /** First words of the tensors that belong to the model. A tensor under one of them that nothing reads is an error. */
  readonly roots: readonly string[];
  /** Tensors that no prediction reads. */
  readonly ignored?: readonly RegExp[];
  /** Older names of tensors, with what each becomes, as in `String.replace`. */
  readonly renamed?: readonly (readonly [old: RegExp, now: string])[];

  /** Left out where one linear layer for each patch is all. */
  readonly stem?: StemKind;
  /** Preprocessing that `config.json` itself says; undefined where it says nothing. Then other files are not looked at. */
  readonly preprocessingOf?: (fields: Fields) => ImageProcessorConfig | undefined;
  /** Preprocessing where no file says anything. Without it such a checkpoint is an error. */
  readonly preprocessingWithoutFile?: () => ImageProcessorConfig;
}

/**
 * How pixels become patch tokens in a family that does more than one linear layer for each patch. `patches` makes the
 * input of that last layer. `Settings` stand in `VisionModelConfig.stem`.
 */
export interface StemKind<Settings extends Stem = Stem> {
  readonly kind: Settings["kind"];
  readonly names: {
    /** What stands in front of the names of `shapes`. */
    readonly prefix: string;
    /** The linear layer behind the stem. */
    readonly patchEmbedding: string;
  };
  /** The stem's tensors in a checkpoint, by their names without the prefix. */
  shapes(stem: Settings, config: VisionModelConfig): Record<string, Shape>;
  /**
   * Parameters of the program, each named `stem.*`, made from those tensors.
   * @throws PptError INVALID_WEIGHTS
   */
  parameters(stem: Settings, tensor: (name: string) => HostTensor): Record<string, HostTensor>;
  /** The weight of the linear layer behind the stem as checkpoints store it, [C, ...]. */
  patchEmbedding(stem: Settings, config: VisionModelConfig): Shape;
  /** pixels [B, channels, H, W] -> [B, patches, features], row by row */
  patches<T extends Tensor>(ops: Ops<T>, stem: Settings, config: VisionModelConfig, params: Tensors<T>, pixels: T): T;
  /** Multiply-accumulates of `patches` for one image. */
  macs(stem: Settings, config: VisionModelConfig): number;
}
