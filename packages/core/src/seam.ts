/**
 * The seam between the algorithm and the runtimes.
 *
 * The algorithm is a pure program over `Ops`. An eager backend executes it on every run; a tracing backend executes it
 * once on symbolic tensors and runs what it recorded. See docs/decisions/0001-the-seam.md.
 */

/** `bool` comes from comparisons and goes into `where` and `cast`; it never enters arithmetic. */
export type DType = "float32" | "float16" | "bool";

/** Dimensions, outermost first. `-1` in front is the free batch dimension of a traced program. */
export type Shape = readonly number[];

/** A handle to a tensor of one backend. Immutable: operations return new tensors. */
export interface Tensor {
  readonly shape: Shape;
  readonly dtype: DType;
}

/** A tensor in host memory, row-major. `data` is shared, not copied: leave it as it is while a backend uses it. */
export interface HostTensor {
  readonly shape: Shape;
  readonly data: Float32Array;
}

/** A tensor, or a number that broadcasts to any shape. */
export type Operand<T extends Tensor> = T | number;

/**
 * What a backend must provide: synchronous, pure, nothing in place. Elementwise operations broadcast as in NumPy.
 * `resolveOps` checks shapes and types before it calls these, so an implementation may rely on them. A program that does
 * not fit gets PptError INVALID_SHAPE, the same on every backend.
 */
export interface Primitives<T extends Tensor> {
  /**
   * A tensor of the program itself (a mask, a table). The same host object may be uploaded once and kept; one that is made
   * anew in every run must not be kept for longer than the next.
   */
  constant(host: HostTensor): T;
  /** Same elements, row-major, in another shape. One dimension may be -1. */
  reshape(x: T, shape: Shape): T;
  /** Output dimension `i` is input dimension `permutation[i]`. */
  transpose(x: T, permutation: readonly number[]): T;
  /** Elements `start`, `start + step`, ... below `end` along `axis`; `step` is 1 when left out. */
  slice(x: T, axis: number, start: number, end: number, step?: number): T;
  /** `before` and `after` zeros along `axis`. */
  pad(x: T, axis: number, before: number, after: number): T;
  /** Bool to 0 and 1, or between float precisions. */
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
  /** a where the bool `condition` holds, else b. The side not taken never shows, even when it is not finite. */
  where(condition: T, a: Operand<T>, b: Operand<T>): T;
  /** Sum along `axis`, which stays with length 1. */
  sum(x: T, axis: number): T;
  /** Maximum along `axis`, which stays with length 1. */
  max(x: T, axis: number): T;
  /** a [..., M, K] times b [..., K, N] -> [..., M, N]; the leading dimensions broadcast. */
  matMul(a: T, b: T): T;

  /**
   * Runs `body` under a name and returns its result: tensors, or arrays and plain objects of them. Tensors made inside
   * and not returned may be released when it ends; a tracing backend names its nodes by it. Scopes nest.
   */
  scope<R>(name: string, body: () => R): R;
}

/** Heads and scale of an attention; `logSize` is the proportional-attention bias, log of each key token's size. */
export interface AttentionOptions<T extends Tensor> {
  readonly heads: number;
  /** Multiplies q.k, usually 1 / sqrt(C / heads). */
  readonly scale: number;
  /** [B or 1, N], added to every logit of key j (paper, section 3.4). */
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
  /** Only this many tokens in front attend; all when left out. */
  readonly rows?: number | undefined;
  /** Whether to return what token reduction looks at. */
  readonly observe?: boolean | undefined;
}

/** What token reduction looks at in an attention (paper, sections 3.2 and 3.3). Always float32. */
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

/** GELU as published checkpoints have it: exact (erf), the tanh approximation, x * sigmoid(1.702 x); silu is x * sigmoid(x). */
export type Activation = "gelu" | "gelu_tanh" | "quick_gelu" | "relu" | "silu";

/** A window that slides over an image, each of them [vertical, horizontal] in pixels. `padding` are zeros at both ends. */
export interface SlidingWindow {
  readonly kernel: readonly [number, number];
  readonly stride: readonly [number, number];
  readonly padding: readonly [number, number];
}

/** What is known of N tokens, and of `count` tokens after their compression. */
export interface TokenValues<T extends Tensor> {
  /** [B or 1, N, 1], how much each token weighs; all 1 when left out. Added up. */
  readonly size?: T | undefined;
  /** [B, N, C], averaged with the sizes as weights. */
  readonly averaged?: T | undefined;
  /** Each [B or 1, N, F], added up. */
  readonly summed: readonly T[];
}

/**
 * Larger operations with default decompositions into primitives (composites.ts). A backend overrides one where its
 * runtime is measurably faster; conformance holds each override against its default. Shapes, types and options are checked
 * before default or override is called: what does not fit is PptError INVALID_SHAPE on every backend.
 */
export interface Composites<T extends Tensor> {
  /** x [..., N, I], weight [O, I] as PyTorch stores it, bias [O] -> [..., N, O]. */
  linear(x: T, weight: T, bias?: T): T;
  /**
   * The content of every position of a window, row by row: x [B, C, H, W] -> [B, H' W', C kh kw] with
   * H' = floor((H + 2 padding - kernel) / stride) + 1, W' likewise. PyTorch's Unfold, transposed.
   */
  unfold(x: T, window: SlidingWindow): T;
  /** x [B, I, H, W], weight [O, I, kh, kw], bias [O] -> [B, O, H', W']; the window's kernel is the weight's. */
  convolution(x: T, weight: T, bias: T, window: SlidingWindow): T;
  /** Softmax along `axis`, the last one when left out. */
  softmax(x: T, axis?: number): T;
  /** Normalises the last axis; population variance; weight and bias [C]. */
  layerNorm(x: T, weight: T, bias: T, epsilon: number): T;
  /** Euclidean length of the last axis, which stays with length 1. */
  l2Norm(x: T): T;
  /**
   * x divided along its last axis by the sum of its elements, which must not be negative (p = 1), or by its Euclidean
   * length (p = 2). What has no length stays 0.
   */
  lpNormalize(x: T, p: 1 | 2): T;
  /** Elementwise activation. */
  activation(x: T, kind: Activation): T;
  /** q [B, M, C], k [B, N, C], v [B, N, C] -> [B, M, C], heads side by side in C. */
  attention(q: T, k: T, v: T, options: AttentionOptions<T>): T;
  /** Projects x [B, N, C] to queries, keys and values, and lets every token attend to all. */
  selfAttention(x: T, projections: Projections<T>, options: SelfAttentionOptions<T>): SelfAttention<T>;
  /** The class token's attention row summed over heads: q [B, 1, C], k [B, N, C] -> [B, N]. */
  classAttention(q: T, k: T, options: AttentionOptions<T>): T;
  /** Position of each element in stable descending order: [B, N] -> [B, N]; ties go to the lower index. */
  rankDescending(x: T): T;
  /** Index of the maximum of the last axis, as a float: [..., N] -> [...]; ties go to the lower index. */
  argMax(x: T): T;
  /**
   * Tokens that share a destination become one. destination [B, N] holds whole numbers; tokens that are sent below 0, or to
   * `count` or beyond, are dropped. Each of the `count` rows has to be the destination of one token at least.
   */
  compressTokens(destination: T, count: number, tokens: TokenValues<T>): TokenValues<T> & { readonly size: T };
}

/** Primitives and composites together: what a program is written against. */
export type Ops<T extends Tensor> = Primitives<T> & Composites<T>;

/** Named tensors. */
export type Tensors<T> = Readonly<Record<string, T>>;

/**
 * A computation over named parameters and inputs. Pure and synchronous, and generic in the tensor, so that the same
 * program runs on every backend.
 */
export type Program = <T extends Tensor>(ops: Ops<T>, params: Tensors<T>, inputs: Tensors<T>) => Tensors<T>;

/** What a backend can be held to. The conformance suite skips a case only by what is declared here. */
export interface Capabilities {
  /** Precision of arithmetic and storage inside a run; sets the tolerances of the conformance suite. */
  readonly precision: "float32" | "reduced";
  /** The result of an image has the same bits alone and in any batch. */
  readonly batchInvariant: boolean;
  /** Infinity and NaN pass through comparisons, `where` and `max` as IEEE 754 says. */
  readonly nonFinite: boolean;
}

export interface CompileOptions {
  /** Parameters by name. They go to the device once, here. */
  readonly params: Tensors<HostTensor>;
  /** Shapes of the inputs; -1 in front leaves the batch free. */
  readonly inputs: Readonly<Record<string, Shape>>;
}

/** A runtime for programs. */
export interface Backend {
  readonly specVersion: 1;
  /** Short and lower-case, for messages and results: `cpu`, `onnx-webgpu`. */
  readonly name: string;
  readonly capabilities: Capabilities;
  /**
   * @throws PptError INVALID_SHAPE where the program does not fit its parameters and inputs; an eager backend finds that
   * out in `run`.
   */
  compile(program: Program, options: CompileOptions): Promise<Executable>;
  /** Releases what the backend holds. Its executables stop working. Calling it twice does nothing. */
  dispose(): Promise<void>;
}

/** A program ready to run, with its parameters on the device. */
export interface Executable {
  /**
   * Runs once and reads the outputs back. The returned arrays belong to the caller. Concurrent calls are queued.
   * @throws PptError INVALID_INPUT where a feed is missing or of another shape, DISPOSED after dispose.
   */
  run(feeds: Tensors<HostTensor>): Promise<Tensors<HostTensor>>;
  /** Releases the parameters and buffers when the run under way has ended; queued runs fail. Twice does nothing. */
  dispose(): Promise<void>;
}
