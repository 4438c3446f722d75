/**
 * A task is one use of a model, such as naming pictures or embedding them. It is one file of this folder and one line of
 * registry.ts. These files import nothing of the model's code, so that a page that leaves the model to a worker does not
 * load it.
 */
import type {
  ExportOutput,
  ImageSize,
  OutputOptions,
  ReductionConfig,
  VisionOutput,
  WeightDtypeName,
} from "@ppt-vit/core";
import type { Check, Checks } from "@ppt-vit/core/options";
import type { CheckpointSettings } from "../checkpoint/checkpoint.js";
import type { CheckpointNeeds } from "../checkpoint/parse.js";
import type { BatchOptions, ModelOptions } from "./options.js";
import type { ModelVerification } from "./verify.js";

/** What a model of any task tells of itself. */
export interface ModelFacts {
  /** The checkpoint's name, as given. */
  readonly model: string;
  readonly backend: string;
  /** The precision of the weights. */
  readonly dtype: WeightDtypeName;
  /** The reduction that is applied; undefined for the unreduced model. */
  readonly reduction: ReductionConfig | undefined;
  /** What `verify` found. */
  readonly verification?: ModelVerification;
  /**
   * Tokens at the start and after each stage. Where each picture has a size of its own, this is for one of the checkpoint's size, as
   * are `patches` and `gmacs`.
   */
  readonly tokens: readonly number[];
  /** Rows and columns of patches in a picture. */
  readonly patches: readonly [rows: number, columns: number];
  /** Multiply-accumulates of one image, 1e9. */
  readonly gmacs: { readonly unreduced: number; readonly reduced: number };
}

/**
 * The type of a task's model for any type of picture. `model` names the picture's type `this["input"]`; each platform replaces
 * it by the type of the pictures that it takes (see `ModelOf`).
 */
export interface ModelType {
  readonly input: unknown;
  readonly model: object;
}

/** Names of a model's methods: `NAME` takes one picture, `NAMEAll` takes many. */
type MethodOf<Model> = {
  [Name in keyof Model & string]: `${Name}All` extends keyof Model ? Name : never;
}[keyof Model & string];

/** What only a model of this task tells of itself. */
type OwnFacts<Model> = Omit<Model, MethodOf<Model> | `${MethodOf<Model>}All` | keyof ModelFacts | "dispose">;

export interface Task<Name extends string, Options extends ModelOptions, Prepared, Type extends ModelType> {
  /** The name that Hugging Face gives the task. */
  readonly name: Name;
  /** For help and messages: what a model makes of a picture. */
  readonly title: string;
  /** The command of `ppt-vit` that does it. */
  readonly command: string;
  /** What the task needs of a checkpoint. */
  readonly needs: CheckpointNeeds;
  /** What the task reads and this checkpoint does not have, as in "depth head". Undefined if it suits the task. */
  lacks(checkpoint: CheckpointSettings): string | undefined;
  /** Options of `fromPretrained` that other tasks do not have. */
  readonly options: Checks<Omit<Options, keyof ModelOptions | "task">>;
  /** Outputs that the model computes besides its logits. */
  outputs(options: Options): OutputOptions;
  /**
   * Makes what `facts` and the methods need of a checkpoint that lacks nothing. It runs before the weights are put on the backend.
   * @throws PptError INVALID_OPTION, INVALID_WEIGHTS for a checkpoint that the task cannot use
   */
  prepare(checkpoint: CheckpointSettings, options: Options): Prepared;
  /** What a model of this task tells besides `ModelFacts`. */
  facts(prepared: Prepared): OwnFacts<Type["model"]>;
  readonly methods: Readonly<Record<MethodOf<Type["model"]>, Method<Prepared, BatchOptions, object>>>;
  /** Outputs that an exported model needs for this task, of those that it has. */
  readonly exports: readonly ExportOutput[];
  /** For TypeScript only: the model's type. No task sets it. */
  readonly type?: Type;
}

/**
 * Makes a picture's result from row `row` of a run's output. `size` is the picture's own. Undefined if a number is not finite.
 */
export type Describe<Result extends object> = (
  output: VisionOutput,
  row: number,
  size: ImageSize,
) => Result | undefined;

/** What a model does with pictures. */
export interface Method<Prepared, Options extends BatchOptions, Result extends object> {
  /** Options that a call of this method takes besides those of every method. */
  readonly options: Checks<Omit<Options, keyof BatchOptions>>;
  /**
   * Makes the function that turns a run's output into a picture's result.
   * @throws PptError INVALID_OPTION for options that do not fit the checkpoint
   */
  describe(prepared: Prepared, options: Options): Describe<Result>;
  /** What a call for one picture returns of the result. Default: all of it. */
  single?(result: Result): unknown;
}

/** Any task, for code that goes through the registry. */
export interface AnyTask {
  readonly name: string;
  readonly title: string;
  readonly command: string;
  readonly needs: CheckpointNeeds;
  lacks(checkpoint: CheckpointSettings): string | undefined;
  readonly options: Readonly<Record<string, Check>>;
  outputs(options: ModelOptions): OutputOptions;
  prepare(checkpoint: CheckpointSettings, options: ModelOptions): unknown;
  facts(prepared: unknown): object;
  readonly methods: Readonly<Record<string, AnyMethod>>;
  readonly exports: readonly ExportOutput[];
}

export interface AnyMethod {
  readonly options: Readonly<Record<string, Check>>;
  describe(prepared: unknown, options: BatchOptions): Describe<object>;
  single?(result: object): unknown;
}
