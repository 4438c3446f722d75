/**
 * The seam between the algorithm and the runtimes.
 *
 * The algorithm is a pure program: a function that calls operations (`Ops`) on tensors. A backend supplies the operations.
 * An eager backend calls the program in every run, on real tensors. A tracing backend calls it once, on symbolic tensors,
 * and then runs the graph that it recorded. See docs/decisions/0001-the-seam.md.
 *
 * Core checks every call before the backend sees it. A wrong call throws the same PptError on every backend:
 * INVALID_SHAPE: a shape is wrong, or a number that has to fit one, such as an axis, a count or a window.
 * INVALID_DTYPE: an element type is wrong.
 * INVALID_INPUT: an operand is not a tensor, or a program does not return tensors.
 * INVALID_OPTION: any other option is wrong.
 */

/** Element type. Comparisons return `bool`. `where` and `cast` accept it, arithmetic does not. */
export type DType = "float32" | "float16" | "bool";

/**
 * Lengths of the dimensions, outermost first. In a traced program the first may be -1. The batch is then free: each run
 * chooses its own size.
 */
export type Shape = readonly number[];

/** A handle to a tensor of one backend. No operation changes a tensor: each returns a new one. */
export interface Tensor {
  readonly shape: Shape;
  readonly dtype: DType;
}

/** A tensor in host memory, row-major. Backends may use `data` without copying it: do not write to it while one does. */
export interface HostTensor {
  readonly shape: Shape;
  readonly data: Float32Array;
  /**
   * The same values as integers, if the tensor is a quantised matrix. `data` then computes its floats at each reading. A
   * backend with kernels for integers uses these in `linear`; every other backend reads `data` and needs to know nothing of
   * them.
   */
  readonly quantized?: Quantized | undefined;
}

/** A matrix in integers. A backend that has no kernel for one of the kinds takes the tensor's floats. */
export type Quantized = QuantizedRows | QuantizedBlocks;

/** A matrix [O, I] in 8-bit integers, with one scale for each of its rows: value[o, i] = integers[o, i] * scales[o]. */
export interface QuantizedRows {
  readonly kind: "rows";
  /** [O, I], from -64 to 64: two products with activations of 8 bits then fit into 16 bits. */
  readonly integers: Int8Array;
  /** [O], above 0. */
  readonly scales: Float32Array;
}

/**
 * A matrix [O, I] in 4-bit integers, with one scale for each block of a row. A row has n = ceil(I / block) blocks, and its
 * last one is padded with zeros: value[o, i] = (integer[o, i] - 8) * scales[o, floor(i / block)]. This is how the operator
 * `MatMulNBits` of ONNX Runtime stores a weight.
 */
export interface QuantizedBlocks {
  readonly kind: "blocks";
  /** Length of a block, an even number. */
  readonly block: number;
  /** [O, n, block / 2], two integers from 0 to 15 in a byte, the first in the lower half. */
  readonly integers: Uint8Array;
  /** [O, n], finite and not 0, of either sign. */
  readonly scales: Float32Array;
}

/** A tensor, or a number that broadcasts to any shape. */
export type Operand<T extends Tensor> = T | number;

/**
 * The operations that a backend must provide. Each is synchronous and does not change its operands. Elementwise operations
 * broadcast as in NumPy. `resolveOps` checks operands and options first, so an implementation need not. It also counts
 * axes from the front, so an implementation sees no negative axis.
 */
export interface Primitives<T extends Tensor> {
  /**
   * A tensor that belongs to the program, such as a mask or a table. A backend may upload a host object once and keep it.
   * Programs may also make a new host object in every run, so a backend must release those that the latest run did not use.
   */
  constant(host: HostTensor): T;
  /** The same elements in another shape, row-major. One dimension may be -1: it is worked out from the others. */
  reshape(x: T, shape: Shape): T;
  /** Output dimension `i` is input dimension `permutation[i]`. */
  transpose(x: T, permutation: readonly number[]): T;
  /** Elements `start`, `start + step`, ... below `end` along `axis`. Default of `step`: 1. */
  slice(x: T, axis: number, start: number, end: number, step?: number): T;
  /** Puts `before` zeros in front and `after` zeros at the end of `axis`, which must not be the free batch. */
  pad(x: T, axis: number, before: number, after: number): T;
  /**
   * Converts the elements. bool becomes 0 and 1, numbers other than 0 become true, and floats change their precision. A
   * backend that computes in float32 keeps float32.
   */
  cast(x: T, dtype: DType): T;

  /** a + b, elementwise, with broadcasting. */
  add(a: Operand<T>, b: Operand<T>): T;
  /** a - b, elementwise, with broadcasting. */
  sub(a: Operand<T>, b: Operand<T>): T;
  /** a * b, elementwise, with broadcasting. */
  mul(a: Operand<T>, b: Operand<T>): T;
  /** a / b, elementwise, with broadcasting. */
  div(a: Operand<T>, b: Operand<T>): T;
  /** e to the power of x. */
  exp(x: T): T;
  /** The natural logarithm. */
  log(x: T): T;
  /** The square root. */
  sqrt(x: T): T;
  /** The hyperbolic tangent. */
  tanh(x: T): T;
  /** The error function. */
  erf(x: T): T;
  /** a > b, elementwise, as bool. */
  greater(a: Operand<T>, b: Operand<T>): T;
  /** a = b, elementwise, as bool. */
  equal(a: Operand<T>, b: Operand<T>): T;
  /** a where the bool `condition` is true, else b. The side not chosen has no influence, even if it is NaN or infinite. */
  where(condition: T, a: Operand<T>, b: Operand<T>): T;
  /** Sum along `axis`. The axis keeps length 1. */
  sum(x: T, axis: number): T;
  /** Maximum along `axis`. The axis keeps length 1. */
  max(x: T, axis: number): T;
  /** a [..., M, K] times b [..., K, N] -> [..., M, N]. The leading dimensions broadcast. */
  matMul(a: T, b: T): T;

  /**
   * Calls `body` and returns its result: a tensor, or arrays and plain objects of tensors. A backend may release tensors that
   * `body` made and did not return. A tracing backend gives `name` to the nodes that `body` records. Scopes nest.
   */
  scope<R>(name: string, body: () => R): R;
}

/** Options of scaled dot-product attention. */
export interface AttentionOptions<T extends Tensor> {
  /** Must divide the number of channels C. */
  readonly heads: number;
  /** Multiplies q.k, usually 1 / sqrt(C / heads). */
  readonly scale: number;
  /** [B or 1, N], log(size) of each key token. It is added to the token's logits: proportional attention (paper, 3.4). */
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

/**
 * The query that stands for the whole picture. `class`: that of the first token. `mean`: that of the mean of all tokens, for
 * models without a class token. With `logSize` the mean is weighted by size. It equals the mean of the queries, because the
 * projection is linear.
 */
export type ObservedQuery = "class" | "mean";

/** Cosine and sine of the angles by which positions turn queries and keys, [B or 1, N, C / heads / 2], the same in all heads. */
export interface Rotation<T extends Tensor> {
  readonly cos: T;
  readonly sin: T;
}

export interface SelfAttentionOptions<T extends Tensor> extends AttentionOptions<T> {
  /** Number of leading tokens whose output is computed. Each still attends to all tokens. Default: all. */
  readonly rows?: number | undefined;
  /** Returns the `Observation` that token reduction reads, with the attention row of this query. Default: none. */
  readonly observe?: ObservedQuery | undefined;
  /** Turns queries and keys by the positions of their tokens. The observed query is one that is turned. Default: no turning. */
  readonly rotation?: Rotation<T> | undefined;
  /** The keys that matching compares: as attention used them, `rotated`, or as they were projected, `plain`. Default `rotated`. */
  readonly observedKeys?: ObservedKeys | undefined;
}

/** Which keys bipartite matching compares in a model with rotary positions. */
export type ObservedKeys = "rotated" | "plain";

/** What token reduction reads from an attention (paper, sections 3.2 and 3.3). Always float32. */
export interface Observation<T extends Tensor> {
  /** [B, N], the attention row of the class token, or of the mean query, summed over heads. */
  readonly classAttention: T;
  /** [B, N, C / heads], keys summed over heads. */
  readonly keys: T;
  /** [B, N], Euclidean length of each token's value vector, all heads together. */
  readonly valueNorms: T;
}

/** What attention between the tokens of one input gives. */
export interface SelfAttention<T extends Tensor> {
  /** [B, N or rows, C], heads side by side, before the output projection. */
  readonly mixed: T;
  readonly observed?: Observation<T> | undefined;
}

/**
 * Activations that published checkpoints use. `gelu` is exact (erf), `gelu_tanh` is its approximation by tanh, `quick_gelu` is
 * x * sigmoid(1.702 x), `relu` is max(x, 0), and `silu` is x * sigmoid(x).
 */
export type Activation = "gelu" | "gelu_tanh" | "quick_gelu" | "relu" | "silu";

/** A window that slides over an image. Each field is [vertical, horizontal] in pixels. */
export interface SlidingWindow {
  /** Size of the window. */
  readonly kernel: readonly [number, number];
  /** Distance between neighbouring positions. */
  readonly stride: readonly [number, number];
  /** Zeros added at both ends of each axis. */
  readonly padding: readonly [number, number];
}

/** Values of N tokens. `compressTokens` returns those of `count` tokens. */
export interface TokenValues<T extends Tensor> {
  /** [B or 1, N, 1], how many patches each token stands for. Sizes of merged tokens add up. Default: all 1. */
  readonly size?: T | undefined;
  /** [B, N, C]. A merged token is the mean of its tokens, weighted by size. */
  readonly averaged?: T | undefined;
  /** Each [B or 1, N, F]. A merged token is the sum of its tokens. */
  readonly summed: readonly T[];
}

/**
 * Two sets of tokens that bipartite matching compares. Candidates are every second token from `firstCandidate` on, and partners
 * every second token from `firstPartner` on.
 */
export interface Bipartition {
  readonly firstCandidate: number;
  readonly firstPartner: number;
  /** Output row of the first partner. The others follow. */
  readonly firstRow: number;
}

/** The most similar partner of each candidate. */
export interface Picks<T extends Tensor> {
  /** [B, N], the cosine between a candidate and its pick. -4 for every other token, which is below all cosines. */
  readonly similarity: T;
  /** [B, N], the output row of a candidate's pick. N for every other token, which is no row. */
  readonly row: T;
}

/**
 * Larger operations. Each has a default made of primitives (composites.ts). A backend overrides a default only if its own
 * implementation is measurably faster. The conformance suite compares each override with its default. `resolveOps` checks
 * operands and options before it calls either.
 */
export interface Composites<T extends Tensor> {
  /** x [..., N, I], weight [O, I] as PyTorch stores it, bias [O] -> [..., N, O]. */
  linear(x: T, weight: T, bias?: T): T;
  /**
   * The pixels under the window at each of its positions, row by row: x [B, C, H, W] -> [B, H' W', C kh kw] with
   * H' = floor((H + 2 padding - kernel) / stride) + 1, W' likewise. This is PyTorch's Unfold, transposed.
   */
  unfold(x: T, window: SlidingWindow): T;
  /** x [B, I, H, W], weight [O, I, kh, kw], bias [O] -> [B, O, H', W']. `window.kernel` must be [kh, kw]. */
  convolution(x: T, weight: T, bias: T | undefined, window: SlidingWindow): T;
  /**
   * x [B, C, H, W] -> [B, C, H', W'] with `size` [H', W'], by PyTorch's bilinear interpolation. With `alignCorners` the centres of
   * the corner pixels stay where they are, else the outer edges.
   */
  resizeBilinear(x: T, size: readonly [number, number], alignCorners: boolean): T;
  /** Row rows[i] of x [B, N, F], rows [B, M] -> [B, M, F]. `rows` hold whole numbers; one below 0 or above N - 1 gives zeros. */
  gatherRows(x: T, rows: T): T;
  /** Softmax along `axis`. Default: the last one. */
  softmax(x: T, axis?: number): T;
  /** Layer normalisation of the last axis, of length C, with its population variance. weight and bias [C]. */
  layerNorm(x: T, weight: T, bias: T, epsilon: number): T;
  /** Euclidean length along the last axis. The axis keeps length 1. */
  l2Norm(x: T): T;
  /**
   * Divides each row of the last axis by its sum (p = 1) or by its Euclidean length (p = 2). With p = 1 no element may be
   * negative. Rows of zeros stay zeros.
   */
  lpNormalize(x: T, p: 1 | 2): T;
  /** Elementwise activation. */
  activation(x: T, kind: Activation): T;
  /** q [B, M, C], k [B, N, C], v [B, N, C] -> [B, M, C], heads side by side in C. */
  attention(q: T, k: T, v: T, options: AttentionOptions<T>): T;
  /** Projects x [B, N, C] to queries, keys and values, then computes their attention. */
  selfAttention(x: T, projections: Projections<T>, options: SelfAttentionOptions<T>): SelfAttention<T>;
  /**
   * Rotary positions: turns each pair of channels of x [B, N, C] in every head. Channel i of a head pairs with channel i + d / 2,
   * d = C / heads: (u, v) becomes (u cos - v sin, v cos + u sin) (Su et al., arXiv 2104.09864).
   */
  rotate(x: T, heads: number, rotation: Rotation<T>): T;
  /** The attention weights of one query, such as the class token's, summed over heads: q [B, 1, C], k [B, N, C] -> [B, N]. */
  classAttention(q: T, k: T, options: AttentionOptions<T>): T;
  /**
   * Rank of each element in descending order, from 0: [B, N] -> [B, N]. Equal elements rank in order of position. The first
   * `leading` elements rank before all finite others, in order of position, whatever their values. Default: 0.
   */
  rankDescending(x: T, leading?: number): T;
  /** Index of the maximum along the last axis, as a float: [..., N] -> [...]. Of equal maxima the first counts. */
  argMax(x: T): T;
  /**
   * Bipartite soft matching of keys [B, N, d]: for each candidate the partner whose key has the largest cosine to its own. Of
   * equal cosines the first counts. The cosine with a key of length 0 is 0.
   */
  pickPartners(keys: T, sets: Bipartition): Picks<T>;
  /**
   * Merges the tokens that share a destination. destination [B, N] holds whole numbers: token j becomes part of output row
   * destination[j]. A token is dropped if its destination is below 0, or `count` or more. Each of the `count` rows must
   * receive at least one token.
   */
  compressTokens(destination: T, count: number, tokens: TokenValues<T>): TokenValues<T> & { readonly size: T };
}

/** All operations that a program can call. */
export type Ops<T extends Tensor> = Primitives<T> & Composites<T>;

/** Named tensors. */
export type Tensors<T> = Readonly<Record<string, T>>;

/**
 * A computation that takes named parameters and inputs and returns named outputs. It is pure and synchronous. It is generic
 * in the tensor type, so the same program runs on every backend.
 */
export type Program = <T extends Tensor>(ops: Ops<T>, params: Tensors<T>, inputs: Tensors<T>) => Tensors<T>;

/** What a backend promises. The conformance suite skips a case only if a field here says that it does not apply. */
export interface Capabilities {
  /** Precision of arithmetic and storage inside a run. It sets the tolerances of the conformance suite. */
  readonly precision: "float32" | "reduced";
  /** Whether the result of an image is bit for bit the same alone and in any batch. */
  readonly batchInvariant: boolean;
  /** Whether comparisons, `where` and `max` treat infinities and NaN as IEEE 754 says. */
  readonly nonFinite: boolean;
}

/** What `Backend.compile` needs besides the program. */
export interface CompileOptions {
  /** Parameters by name. `compile` sends them to the device once. */
  readonly params: Tensors<HostTensor>;
  /** Shapes of the inputs by name. A first dimension of -1 leaves the batch free. */
  readonly inputs: Readonly<Record<string, Shape>>;
}

/** A runtime that compiles and runs programs. */
export interface Backend {
  readonly specVersion: 1;
  /** A short lower-case name for messages and results, such as `cpu` or `onnx-webgpu`. */
  readonly name: string;
  readonly capabilities: Capabilities;
  /**
   * The packages that compute, with their versions, such as `@ppt-vit/backend-onnx 1.0.0, onnxruntime-node 1.30.0`. The
   * automatic choice remembers that a backend computes rightly until this text changes. Without it, it checks the backend
   * every time.
   */
  readonly runtime?: string;
  /**
   * Prepares a program to run.
   * @throws PptError DISPOSED; INVALID_INPUT, INVALID_SHAPE, INVALID_DTYPE or INVALID_OPTION if the program does not fit its
   * parameters and inputs. An eager backend throws most of these in `run`.
   */
  compile(program: Program, options: CompileOptions): Promise<Executable>;
  /** Releases the backend with all its executables. A second call does nothing. */
  dispose(): Promise<void>;
}

/** A program ready to run, with its parameters on the device. */
export interface Executable {
  /** What its owner should be told, in sentences: such as that an operator is wrong on this device and another one is used. */
  readonly notices?: readonly string[];
  /**
   * Runs once and reads the outputs back. The returned arrays belong to the caller. Concurrent calls wait in a queue.
   * @throws PptError INVALID_INPUT if a feed is missing or has the wrong shape; DISPOSED after `dispose`
   */
  run(feeds: Tensors<HostTensor>): Promise<Tensors<HostTensor>>;
  /**
   * Waits for the run under way, then releases parameters and buffers. Queued runs fail with DISPOSED. A second call does
   * nothing.
   */
  dispose(): Promise<void>;
}
