/**
 * The seam between the algorithm and the runtimes.
 *
 * The algorithm is a pure program: a function that calls operations (`Ops`) on tensors. A backend supplies the operations.
 * An eager backend calls the program in every run, on real tensors. A tracing backend calls it once, on symbolic tensors,
 * and then runs the graph that it recorded. See docs/decisions/0001-the-seam.md.
 *
 * What does not fit is refused before the backend sees it, by the same PptError on every backend:
 * INVALID_SHAPE: a shape, or a number that has to fit one, such as an axis, a count or a window.
 * INVALID_DTYPE: an element type.
 * INVALID_INPUT: what is no tensor, and a program that returns no tensors.
 * INVALID_OPTION: any other option.
 */

/** Element type. Comparisons give `bool`. `where` and `cast` take it, arithmetic does not. */
export type DType = "float32" | "float16" | "bool";

/**
 * Lengths of the dimensions, outermost first. In a traced program the first may be -1: the batch is free, and each run has
 * its own.
 */
export type Shape = readonly number[];

/** A handle to a tensor of one backend. No operation changes a tensor: each returns a new one. */
export interface Tensor {
  readonly shape: Shape;
  readonly dtype: DType;
}

/** A tensor in host memory, row-major. Backends share `data` instead of copying it, so do not write to it meanwhile. */
export interface HostTensor {
  readonly shape: Shape;
  readonly data: Float32Array;
}

/** A tensor, or a number that broadcasts to any shape. */
export type Operand<T extends Tensor> = T | number;

/**
 * The operations that a backend must provide. Each is synchronous and pure, and leaves its operands as they are.
 * Elementwise operations broadcast as in NumPy. `resolveOps` checks operands and options first, so an implementation need
 * not. Axes arrive counted from the front.
 */
export interface Primitives<T extends Tensor> {
  /**
   * A tensor of the program itself, such as a mask or a table. A backend may upload the same host object once and keep it.
   * Programs may also make a new host object in every run: a backend must release one that the latest run did not use.
   */
  constant(host: HostTensor): T;
  /** Same elements, row-major, in another shape. One dimension may be -1. */
  reshape(x: T, shape: Shape): T;
  /** Output dimension `i` is input dimension `permutation[i]`. */
  transpose(x: T, permutation: readonly number[]): T;
  /** Elements `start`, `start + step`, ... below `end` along `axis`; `step` is 1 when left out. */
  slice(x: T, axis: number, start: number, end: number, step?: number): T;
  /** Puts `before` zeros in front and `after` zeros at the end of `axis`, which must not be the free batch. */
  pad(x: T, axis: number, before: number, after: number): T;
  /**
   * Converts the elements: bool to 0 and 1, numbers other than 0 to true, or to another precision. A backend without half
   * precision keeps float32.
   */
  cast(x: T, dtype: DType): T;

  add(a: Operand<T>, b: Operand<T>): T;
  sub(a: Operand<T>, b: Operand<T>): T;
  mul(a: Operand<T>, b: Operand<T>): T;
  div(a: Operand<T>, b: Operand<T>): T;
  exp(x: T): T;
  log(x: T): T;
  sqrt(x: T): T;
  tanh(x: T): T;
  erf(x: T): T;
  /** a > b, as bool. */
  greater(a: Operand<T>, b: Operand<T>): T;
  /** a = b, as bool. */
  equal(a: Operand<T>, b: Operand<T>): T;
  /** a where the bool `condition` holds, else b. The other side has no influence, even if it is NaN or infinite. */
  where(condition: T, a: Operand<T>, b: Operand<T>): T;
  /** Sum along `axis`. The axis stays, with length 1. */
  sum(x: T, axis: number): T;
  /** Maximum along `axis`. The axis stays, with length 1. */
  max(x: T, axis: number): T;
  /** a [..., M, K] times b [..., K, N] -> [..., M, N]; the leading dimensions broadcast. */
  matMul(a: T, b: T): T;

  /**
   * Calls `body` and returns its result: a tensor, or arrays and plain objects of tensors. A backend may release what `body`
   * made and did not return. A tracing backend names the nodes that `body` records by `name`. Scopes nest.
   */
  scope<R>(name: string, body: () => R): R;
}

/** Options of an attention. */
export interface AttentionOptions<T extends Tensor> {
  /** Must divide the number of channels C. */
  readonly heads: number;
  /** Multiplies q.k, usually 1 / sqrt(C / heads). */
  readonly scale: number;
  /** [B or 1, N], the logarithm of each key token's size, added to its logits: proportional attention (paper, 3.4). */
  readonly logSize?: T | undefined;
}

/** Weight [O, I] and bias [O] of a linear layer. */
export interface Projection<T extends Tensor> {
  readonly weight: T;
  readonly bias?: T | undefined;
}

/** Query, key and value of a self-attention, each [C, C]. */
export interface Projections<T extends Tensor> {
  readonly query: Projection<T>;
  readonly key: Projection<T>;
  readonly value: Projection<T>;
}

export interface SelfAttentionOptions<T extends Tensor> extends AttentionOptions<T> {
  /** Only this many tokens in front attend to the others. Default: all. */
  readonly rows?: number | undefined;
  /** Whether to return what token reduction reads. Default false. */
  readonly observe?: boolean | undefined;
}

/** What token reduction reads from an attention (paper, sections 3.2 and 3.3). Always float32. */
export interface Observation<T extends Tensor> {
  /** [B, N], the class token's attention row summed over heads. */
  readonly classAttention: T;
  /** [B, N, C / heads], keys summed over heads. */
  readonly keys: T;
  /** [B, N], Euclidean length of each token's value over all heads. */
  readonly valueNorms: T;
}

export interface SelfAttention<T extends Tensor> {
  /** [B, N or rows, C], heads side by side, before the output projection. */
  readonly mixed: T;
  readonly observed?: Observation<T> | undefined;
}

/**
 * `gelu` is exact (erf), `gelu_tanh` its approximation by tanh, `quick_gelu` x * sigmoid(1.702 x), and `silu` x * sigmoid(x).
 * Published checkpoints use all of them.
 */
export type Activation = "gelu" | "gelu_tanh" | "quick_gelu" | "relu" | "silu";

/** A window that slides over an image. Each pair is [vertical, horizontal], in pixels. */
export interface SlidingWindow {
  /** Size of the window. */
  readonly kernel: readonly [number, number];
  /** Distance between neighbouring positions. */
  readonly stride: readonly [number, number];
  /** Zeros at both ends of each axis. */
  readonly padding: readonly [number, number];
}

/** Values of N tokens; after `compressTokens`, of `count` tokens. */
export interface TokenValues<T extends Tensor> {
  /** [B or 1, N, 1], how much each token weighs. Merged tokens add up their sizes. Default: all 1. */
  readonly size?: T | undefined;
  /** [B, N, C]. Merged tokens get the mean, weighted by size. */
  readonly averaged?: T | undefined;
  /** Each [B or 1, N, F]. Merged tokens get the sum. */
  readonly summed: readonly T[];
}

/**
 * Larger operations. Each has a default that is made of primitives (composites.ts). A backend overrides one only where its
 * runtime is measurably faster, and the conformance suite compares each override with its default. `resolveOps` checks
 * operands and options before it calls the default or the override.
 */
export interface Composites<T extends Tensor> {
  /** x [..., N, I], weight [O, I] as PyTorch stores it, bias [O] -> [..., N, O]. */
  linear(x: T, weight: T, bias?: T): T;
  /**
   * The pixels that the window covers at each of its positions, row by row: x [B, C, H, W] -> [B, H' W', C kh kw] with
   * H' = floor((H + 2 padding - kernel) / stride) + 1, W' likewise. It is PyTorch's Unfold, transposed.
   */
  unfold(x: T, window: SlidingWindow): T;
  /** x [B, I, H, W], weight [O, I, kh, kw], bias [O] -> [B, O, H', W']; the window's kernel is the weight's. */
  convolution(x: T, weight: T, bias: T, window: SlidingWindow): T;
  /** Softmax along `axis`. Default: the last one. */
  softmax(x: T, axis?: number): T;
  /** Normalises the last axis, of length C, by its population variance. weight and bias [C]. */
  layerNorm(x: T, weight: T, bias: T, epsilon: number): T;
  /** Euclidean length of the last axis. The axis stays, with length 1. */
  l2Norm(x: T): T;
  /**
   * Divides x along its last axis by its sum (p = 1; elements must not be negative) or by its Euclidean length (p = 2).
   * Rows of zeros stay zeros.
   */
  lpNormalize(x: T, p: 1 | 2): T;
  /** Elementwise activation. */
  activation(x: T, kind: Activation): T;
  /** q [B, M, C], k [B, N, C], v [B, N, C] -> [B, M, C], heads side by side in C. */
  attention(q: T, k: T, v: T, options: AttentionOptions<T>): T;
  /** Projects x [B, N, C] to queries, keys and values, then computes their attention. */
  selfAttention(x: T, projections: Projections<T>, options: SelfAttentionOptions<T>): SelfAttention<T>;
  /** Attention weights of one query, the class token's, summed over heads: q [B, 1, C], k [B, N, C] -> [B, N]. */
  classAttention(q: T, k: T, options: AttentionOptions<T>): T;
  /** Rank of each element in descending order, from 0: [B, N] -> [B, N]. Of equal elements the first ranks first. */
  rankDescending(x: T): T;
  /** Index of the maximum of the last axis, as a float: [..., N] -> [...]. Of equal maxima it is the first. */
  argMax(x: T): T;
  /**
   * Merges tokens that share a destination. destination [B, N] holds whole numbers: token j becomes part of row
   * destination[j]. A token is dropped if its destination is below 0, or `count` or more. Each of the `count` rows must be
   * the destination of at least one token.
   */
  compressTokens(destination: T, count: number, tokens: TokenValues<T>): TokenValues<T> & { readonly size: T };
}

/** All operations that a program can call. */
export type Ops<T extends Tensor> = Primitives<T> & Composites<T>;

/** Named tensors. */
export type Tensors<T> = Readonly<Record<string, T>>;

/**
 * A computation over named parameters and inputs, which returns named outputs. It is pure and synchronous. It is generic in
 * the tensor, so that the same program runs on every backend.
 */
export type Program = <T extends Tensor>(ops: Ops<T>, params: Tensors<T>, inputs: Tensors<T>) => Tensors<T>;

/** What a backend promises. The conformance suite skips a case only because of what is declared here. */
export interface Capabilities {
  /** Precision of arithmetic and storage inside a run. It sets the tolerances of the conformance suite. */
  readonly precision: "float32" | "reduced";
  /** Whether an image gives the same bits alone and in any batch. */
  readonly batchInvariant: boolean;
  /** Whether infinities and NaN pass through comparisons, `where` and `max` as IEEE 754 says. */
  readonly nonFinite: boolean;
}

export interface CompileOptions {
  /** Parameters by name. `compile` sends them to the device once. */
  readonly params: Tensors<HostTensor>;
  /** Shapes of the inputs by name. -1 in front leaves the batch free. */
  readonly inputs: Readonly<Record<string, Shape>>;
}

/** A runtime for programs. */
export interface Backend {
  readonly specVersion: 1;
  /** A short name in lower case, for messages and results: `cpu`, `onnx-webgpu`. */
  readonly name: string;
  readonly capabilities: Capabilities;
  /**
   * Prepares a program to run.
   * @throws PptError DISPOSED; INVALID_INPUT, INVALID_SHAPE, INVALID_DTYPE or INVALID_OPTION if the program does not fit its
   * parameters and inputs. An eager backend finds most of that out in `run`.
   */
  compile(program: Program, options: CompileOptions): Promise<Executable>;
  /** Releases what the backend holds, its executables included. A second call does nothing. */
  dispose(): Promise<void>;
}

/** A program ready to run, with its parameters on the device. */
export interface Executable {
  /**
   * Runs once and reads the outputs back. The returned arrays belong to the caller. Concurrent calls wait in a queue.
   * @throws PptError INVALID_INPUT if a feed is missing or has another shape, DISPOSED after `dispose`
   */
  run(feeds: Tensors<HostTensor>): Promise<Tensors<HostTensor>>;
  /** Releases parameters and buffers after the current run. Queued runs fail. A second call does nothing. */
  dispose(): Promise<void>;
}
