/**
 * TensorFlow.js in this package's declarations. They do not import `@tensorflow/tfjs-core`, so that they hold without it, and
 * without the browser's DOM library that its own declarations need. The types of tensors come from the namespace that the
 * caller passes.
 */
import type { Tensor } from "@ppt-vit/core/backend";

/** Functions of TensorFlow.js that this package calls. */
type Called =
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
  | "step"
  | "sub"
  | "sum"
  | "tanh"
  | "tensor"
  | "tidy"
  | "transpose"
  | "where"
  | "zeros"
  | "zerosLike";

/**
 * A TensorFlow.js namespace, as `import * as tf from "@tensorflow/tfjs-core"` gives it, with an engine registered; or a package
 * that exports all of it, such as `@tensorflow/tfjs`, `@tensorflow/tfjs-node` or `@tensorflow/tfjs-node-gpu`.
 */
export type Tfjs = { readonly [Name in Called]: (...given: never) => unknown } & {
  readonly fused: object;
  readonly image: object;
  readonly square: (x: never) => TfjsTensor;
};

/** A tensor of TensorFlow.js. */
export interface TfjsTensor {
  readonly shape: number[];
  readonly dtype: string;
  data(): Promise<Float32Array | Int32Array | Uint8Array | string[]>;
  dataSync(): Float32Array | Int32Array | Uint8Array | string[];
  dispose(): void;
}

/** The tensors of a namespace: `tf.Tensor`. */
export type TensorOf<T extends Tfjs> = ReturnType<T["square"]>;

/** A tensor of a namespace as the operations of `createTfjsOps` take it. It must hold floats or bools. */
export type ProgramTensor<T extends Tfjs> = TensorOf<T> & Tensor;
