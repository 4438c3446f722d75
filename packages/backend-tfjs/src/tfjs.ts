/** The types of TensorFlow.js that this package uses, and its tensors as programs of `@ppt-vit/core` see them. */
import type { Tensor } from "@ppt-vit/core/backend";
import { shaped } from "@ppt-vit/core/options";
import type * as core from "@tensorflow/tfjs-core";

/**
 * A TensorFlow.js namespace: `@tensorflow/tfjs-core` with an engine registered, or a package that exports all of it, such as
 * `@tensorflow/tfjs`, `@tensorflow/tfjs-node` or `@tensorflow/tfjs-node-gpu`.
 */
export type Tfjs = Pick<
  typeof core,
  | "add"
  | "argMax"
  | "broadcastTo"
  | "cast"
  | "clipByValue"
  | "concat"
  | "conv2d"
  | "customGrad"
  | "div"
  | "engine"
  | "env"
  | "equal"
  | "erf"
  | "exp"
  | "fill"
  | "fused"
  | "gatherND"
  | "getBackend"
  | "getKernel"
  | "greater"
  | "keep"
  | "log"
  | "matMul"
  | "max"
  | "mul"
  | "notEqual"
  | "pad"
  | "range"
  | "ready"
  | "relu"
  | "reshape"
  | "scatterND"
  | "scalar"
  | "setBackend"
  | "sigmoid"
  | "sign"
  | "slice"
  | "softmax"
  | "sqrt"
  | "square"
  | "step"
  | "sub"
  | "sum"
  | "tanh"
  | "tensor"
  | "tidy"
  | "transpose"
  | "where"
  | "zeros"
  | "zerosLike"
>;

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
