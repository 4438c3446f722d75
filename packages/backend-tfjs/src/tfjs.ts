/** The types of TensorFlow.js that this package uses, and its tensors as programs of `@ppt-vit/core` see them. */
import type { Tensor } from "@ppt-vit/core/backend";
import { shaped } from "@ppt-vit/core/options";
import type * as core from "@tensorflow/tfjs-core";
import type { Tfjs as Namespace } from "./public-types.js";

/** A TensorFlow.js namespace with its own types, which the declarations of this package leave out. */
export type Tfjs = Pick<typeof core, keyof Namespace>;

/** A tensor of TensorFlow.js. */
export type TfTensor = core.Tensor;

/** A tensor of TensorFlow.js with the types that programs use. */
export type TfjsTensor = TfTensor & Tensor;

/** The same tensor, typed as programs see it. It must hold floats or bools. */
export const asOurs = (x: TfTensor): TfjsTensor => x as TfjsTensor;

const isFunction = (value: unknown): boolean => typeof value === "function";

export const tfjsCheck = shaped("TensorFlow.js, as `import * as tf from '@tensorflow/tfjs-core'` gives it", {
  engine: isFunction,
  tidy: isFunction,
  tensor: isFunction,
  getBackend: isFunction,
  setBackend: isFunction,
});
