/** The options that all tasks share: of loading a model, and of running it on pictures. */
import { type Backend, type WeightDtypeName, weightDtypeNames } from "@ppt-vit/core";
import {
  arrayOf,
  backendCheck,
  type Check,
  type Checks,
  check,
  checkArgument,
  count,
  flag,
  object,
  oneOf,
  signalCheck,
  text,
} from "@ppt-vit/core/options";
import { type LoadOptions, loadChecks } from "../checkpoint/options.js";
import type { ReductionSetting } from "../checkpoint/reduction.js";
import type { ImageSizeOption } from "../checkpoint/resolution.js";
import { either, limit } from "../checks.js";
import { type DecodeOptions, decodeChecks } from "../pictures/options.js";

/** Options of loading a model, for every task. */
export interface ModelOptions extends LoadOptions {
  /**
   * A name of `backendNames`; `auto` for the best that works here (`selectBackend` says which and why); or a backend of
   * your own, which you dispose yourself. Default `auto`.
   */
  readonly backend?: string | Backend | undefined;
  /**
   * `q8` takes the weights of linear layers as 8-bit integers, `q4` mostly as 4-bit integers. ONNX Runtime computes with
   * them on some devices; other backends compute with their floats, and gain nothing. Default `fp32`.
   */
  readonly dtype?: WeightDtypeName | undefined;
  /**
   * Token reduction: settings, completed from the checkpoint's `reduction.json`, else from `defaultReduction`; published
   * settings by name (`deit-small-paper`); in Node also the path of a `reduction.json`. `false` runs the unreduced model.
   */
  readonly reduction?: ReductionSetting | undefined;
  /**
   * Pictures of another size than the checkpoint's, in pixels: `384`, or `[height, width]`. Positions are interpolated as
   * the model's family does it, preprocessing follows, and the reduction's shares and counts apply to the new number of
   * tokens.
   */
  readonly imageSize?: ImageSizeOption | undefined;
  /**
   * Compare the logits of a known input before anything else is computed: some GPU drivers give wrong numbers without an
   * error. Takes one run of the model. Without logits for these settings in the checkpoint's `verification.json` it takes
   * another run on the plain CPU backend. That backend itself can only be compared with recorded logits: `verification`
   * says with what.
   */
  readonly verify?: boolean | undefined;
  /**
   * Follow every token: results say which patches each token holds after each stage, with its scores, and hold the pixels
   * that the model saw. Costs a readback for each stage.
   */
  readonly trace?: boolean | undefined;
}

/** What `backend` may be. */
export const backendChoice: Check = either(
  `the name of a backend, 'auto', or ${backendCheck.expected}`,
  text,
  backendCheck,
);

const isNumber = (value: unknown): boolean => typeof value === "number";
const isPair = (value: unknown): boolean => Array.isArray(value) && value.length === 2 && value.every(isNumber);

/** What `dtype` may be. */
export const dtypeCheck: Check = check(
  `${oneOf(weightDtypeNames).expected}; for half precision write { backend: await createOnnxBackend({ dtype: 'fp16' }) }`,
  oneOf(weightDtypeNames).holds,
);

export const modelChecks: Checks<ModelOptions> = {
  ...loadChecks,
  backend: backendChoice,
  dtype: dtypeCheck,
  reduction: check(
    "settings { layers, tokensRemoved, threshold }, the name of published settings, or false for none",
    (value) => value === false || text.holds(value) || object.holds(value),
  ),
  imageSize: check("a number of pixels, or [height, width]", (value) => isNumber(value) || isPair(value)),
  verify: flag,
  trace: flag,
};

/** Options of running a model on pictures, for every task. */
export interface BatchOptions extends DecodeOptions {
  /** Pictures per run of the model. Default 1. */
  readonly batch?: number | undefined;
  /**
   * Bytes that may be held, files and pixels together, for pictures that are decoded before the model needs them. The next
   * picture is always decoded, whatever it takes. Default 256 MiB.
   */
  readonly maxBytesAhead?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

export const batchChecks: Checks<BatchOptions> = {
  ...decodeChecks,
  batch: count(),
  maxBytesAhead: limit,
  signal: signalCheck,
};

/** Pictures come as an array: a text would be taken apart into letters. @throws PptError INVALID_INPUT */
export const requireInputs = (where: string, inputs: unknown): void =>
  checkArgument(where, "inputs", inputs, arrayOf("pictures"));
