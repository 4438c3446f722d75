/** Operations that do not fit: every one is refused with the same typed error, whatever override would have run. */
import { isPptError } from "@ppt-vit/core";
import type {
  Backend,
  CompileOptions,
  HostTensor,
  Ops,
  Program,
  Shape,
  SlidingWindow,
  Tensor,
  Tensors,
} from "@ppt-vit/core/backend";
import { type ConformanceCase, type CreateBackend, uniform, withBackend } from "./harness.js";

interface Misuse {
  readonly name: string;
  /** What the message says besides the operation's name: the argument that is wrong, and shapes. */
  readonly mentions: readonly string[];
  apply<T extends Tensor>(ops: Ops<T>, x: Tensors<T>): unknown;
}

/** What a JavaScript program may pass where TypeScript would refuse. */
const wrong = <R>(value: unknown): R => value as R;

const [B, N, C] = [3, 7, 12];
/** Inputs of all cases; those that begin with `one` are of one image where others are of three. */
const shapes: Readonly<Record<string, Shape>> = {
  x: [B, N, C],
  one: [1, N, C],
  narrow: [B, N, 8],
  flat: [B, N],
  oneFlat: [1, N],
  first: [B, 1, C],
  oneFirst: [1, 1, C],
  size: [B, N, 1],
  keys: [B, 5, C],
  sizes5: [B, 5],
  image: [B, 3, 9, 9],
};
const params: Tensors<HostTensor> = {
  weight: uniform([5, C], 1),
  square: uniform([C, C], 2),
  bias: uniform([5], 3),
  row: uniform([1, 5], 4),
  gain: uniform([C], 5),
  short: uniform([8], 6),
  filters: uniform([4, 3, 3, 3], 7),
  fewFilters: uniform([4, 2, 3, 3], 8),
  shift: uniform([4], 9),
};
const window: SlidingWindow = { kernel: [3, 3], stride: [2, 2], padding: [1, 1] };
const options = { heads: 3, scale: 0.5 };
const projections = <T extends Tensor>({ square, gain }: Tensors<T>) => {
  const one = { weight: square!, bias: gain! };
  return { query: one, key: one, value: one };
};
const isTrue = <T extends Tensor>(ops: Ops<T>, x: Tensors<T>): T => ops.greater(x.x!, 0);

const composites: readonly Misuse[] = [
  {
    name: "linear of other channels",
    mentions: ["weight", "[5,12]", "8"],
    apply: (o, x) => o.linear(x.narrow!, x.weight!),
  },
  {
    name: "linear of a bias in two dimensions",
    mentions: ["bias", "[1,5]", "[5]"],
    apply: (o, x) => o.linear(x.x!, x.weight!, x.row!),
  },
  {
    name: "linear of a bias of another length",
    mentions: ["bias", "[12]", "[5]"],
    apply: (o, x) => o.linear(x.x!, x.weight!, x.gain!),
  },
  { name: "linear of a vector", mentions: ["x", "[12]"], apply: (o, x) => o.linear(x.gain!, x.weight!) },
  {
    name: "linear of a weight that is missing",
    mentions: ["weight", "undefined"],
    apply: (o, x) => o.linear(x.x!, x.typo!),
  },
  { name: "linear of truths", mentions: ["x", "bool"], apply: (o, x) => o.linear(isTrue(o, x), x.weight!) },
  { name: "softmax along an axis that is none", mentions: ["axis 3", "[3,7,12]"], apply: (o, x) => o.softmax(x.x!, 3) },
  { name: "softmax along half an axis", mentions: ["axis 0.5"], apply: (o, x) => o.softmax(x.x!, 0.5) },
  { name: "softmax of truths", mentions: ["bool"], apply: (o, x) => o.softmax(isTrue(o, x)) },
  {
    name: "layerNorm by another weight",
    mentions: ["weight", "[8]", "[12]"],
    apply: (o, x) => o.layerNorm(x.x!, x.short!, x.gain!, 1e-6),
  },
  {
    name: "layerNorm by another bias",
    mentions: ["bias", "[8]", "[12]"],
    apply: (o, x) => o.layerNorm(x.x!, x.gain!, x.short!, 1e-6),
  },
  {
    name: "layerNorm without a bias",
    mentions: ["bias", "undefined"],
    apply: (o, x) => o.layerNorm(x.x!, x.gain!, x.typo!, 1e-6),
  },
  {
    name: "layerNorm by a negative epsilon",
    mentions: ["epsilon", "-1"],
    apply: (o, x) => o.layerNorm(x.x!, x.gain!, x.gain!, -1),
  },
  {
    name: "layerNorm by an epsilon of NaN",
    mentions: ["epsilon", "NaN"],
    apply: (o, x) => o.layerNorm(x.x!, x.gain!, x.gain!, Number.NaN),
  },
  { name: "l2Norm of truths", mentions: ["bool"], apply: (o, x) => o.l2Norm(isTrue(o, x)) },
  { name: "lpNormalize by p = 3", mentions: ["p", "3"], apply: (o, x) => o.lpNormalize(x.x!, wrong(3)) },
  { name: "lpNormalize of truths", mentions: ["bool"], apply: (o, x) => o.lpNormalize(isTrue(o, x), 2) },
  {
    name: "activation of an unknown kind",
    mentions: ["swish", "quick_gelu"],
    apply: (o, x) => o.activation(x.x!, wrong("swish")),
  },
  { name: "activation of truths", mentions: ["bool"], apply: (o, x) => o.activation(isTrue(o, x), "relu") },
  { name: "unfold of tokens", mentions: ["x", "[3,7,12]", "[B,C,H,W]"], apply: (o, x) => o.unfold(x.x!, window) },
  {
    name: "unfold by a window larger than the image",
    mentions: ["kernel [12,3]", "[3,3,9,9]"],
    apply: (o, x) => o.unfold(x.image!, { ...window, kernel: [12, 3] }),
  },
  {
    name: "unfold by a stride of 0",
    mentions: ["stride", "[0,2]"],
    apply: (o, x) => o.unfold(x.image!, { ...window, stride: [0, 2] }),
  },
  {
    name: "unfold by a negative padding",
    mentions: ["padding", "[0,-1]"],
    apply: (o, x) => o.unfold(x.image!, { ...window, padding: [0, -1] }),
  },
  {
    name: "unfold by one number",
    mentions: ["kernel", "3"],
    apply: (o, x) => o.unfold(x.image!, wrong({ ...window, kernel: 3 })),
  },
  {
    name: "unfold without a window",
    mentions: ["window", "undefined"],
    apply: (o, x) => o.unfold(x.image!, wrong(undefined)),
  },
  {
    name: "convolution of other channels",
    mentions: ["weight", "[4,2,3,3]", "[O,3,3,3]"],
    apply: (o, x) => o.convolution(x.image!, x.fewFilters!, x.shift!, window),
  },
  {
    name: "convolution by another kernel",
    mentions: ["weight", "[4,3,3,3]", "[O,3,5,3]"],
    apply: (o, x) => o.convolution(x.image!, x.filters!, x.shift!, { ...window, kernel: [5, 3] }),
  },
  {
    name: "convolution by another bias",
    mentions: ["bias", "[8]", "[4]"],
    apply: (o, x) => o.convolution(x.image!, x.filters!, x.short!, window),
  },
  {
    name: "attention of keys of one image",
    mentions: ["k is [1,7,12]", "[3,N,12]"],
    apply: (o, x) => o.attention(x.x!, x.one!, x.x!, options),
  },
  {
    name: "attention of values of one image",
    mentions: ["v is [1,7,12]", "[3,7,12]"],
    apply: (o, x) => o.attention(x.x!, x.x!, x.one!, options),
  },
  {
    name: "attention of queries of one image",
    mentions: ["k is [3,7,12]", "[1,N,12]"],
    apply: (o, x) => o.attention(x.one!, x.x!, x.x!, options),
  },
  {
    name: "attention of more values than keys",
    mentions: ["v is [3,7,12]", "[3,5,12]"],
    apply: (o, x) => o.attention(x.x!, x.keys!, x.x!, options),
  },
  {
    name: "attention of narrower keys",
    mentions: ["k is [3,7,8]", "[3,N,12]"],
    apply: (o, x) => o.attention(x.x!, x.narrow!, x.x!, options),
  },
  {
    name: "attention of sizes of other keys",
    mentions: ["logSize is [3,5]", "7"],
    apply: (o, x) => o.attention(x.x!, x.x!, x.x!, { ...options, logSize: x.sizes5! }),
  },
  {
    name: "attention of sizes in three dimensions",
    mentions: ["logSize is [3,7,1]"],
    apply: (o, x) => o.attention(x.x!, x.x!, x.x!, { ...options, logSize: x.size! }),
  },
  {
    name: "attention of heads that do not divide the channels",
    mentions: ["heads is 5", "12"],
    apply: (o, x) => o.attention(x.x!, x.x!, x.x!, { ...options, heads: 5 }),
  },
  {
    name: "attention of no heads",
    mentions: ["heads is 0"],
    apply: (o, x) => o.attention(x.x!, x.x!, x.x!, { ...options, heads: 0 }),
  },
  {
    name: "attention of a scale of NaN",
    mentions: ["scale is NaN"],
    apply: (o, x) => o.attention(x.x!, x.x!, x.x!, { ...options, scale: Number.NaN }),
  },
  {
    name: "attention without options",
    mentions: ["options", "undefined"],
    apply: (o, x) => o.attention(x.x!, x.x!, x.x!, wrong(undefined)),
  },
  {
    name: "classAttention of two queries",
    mentions: ["q is [3,7,12]", "[3,1,12]"],
    apply: (o, x) => o.classAttention(x.x!, x.x!, options),
  },
  {
    name: "classAttention of a query of one image",
    mentions: ["q is [1,1,12]", "[3,1,12]"],
    apply: (o, x) => o.classAttention(x.oneFirst!, x.x!, options),
  },
  {
    name: "classAttention of sizes of other keys",
    mentions: ["logSize is [3,5]"],
    apply: (o, x) => o.classAttention(x.first!, x.x!, { ...options, logSize: x.sizes5! }),
  },
  {
    name: "classAttention of heads that do not divide the channels",
    mentions: ["heads is 7"],
    apply: (o, x) => o.classAttention(x.first!, x.x!, { ...options, heads: 7 }),
  },
  {
    name: "selfAttention of narrower tokens",
    mentions: ["query.weight", "[12,12]", "[8,8]"],
    apply: (o, x) => o.selfAttention(x.narrow!, projections(x), { heads: 2, scale: 1 }),
  },
  {
    name: "selfAttention of a projection to other channels",
    mentions: ["value.weight", "[5,12]"],
    apply: (o, x) => o.selfAttention(x.x!, { ...projections(x), value: { weight: x.weight! } }, options),
  },
  {
    name: "selfAttention of another bias",
    mentions: ["key.bias", "[8]"],
    apply: (o, x) => o.selfAttention(x.x!, { ...projections(x), key: { weight: x.square!, bias: x.short! } }, options),
  },
  {
    name: "selfAttention without a projection",
    mentions: ["key", "undefined"],
    apply: (o, x) => o.selfAttention(x.x!, wrong({ ...projections(x), key: undefined }), options),
  },
  {
    name: "selfAttention of more rows than tokens",
    mentions: ["rows is 8"],
    apply: (o, x) => o.selfAttention(x.x!, projections(x), { ...options, rows: 8 }),
  },
  {
    name: "selfAttention of sizes of other tokens",
    mentions: ["logSize is [3,5]"],
    apply: (o, x) => o.selfAttention(x.x!, projections(x), { ...options, logSize: x.sizes5! }),
  },
  {
    name: "selfAttention of heads that do not divide the channels",
    mentions: ["heads is 5"],
    apply: (o, x) => o.selfAttention(x.x!, projections(x), { ...options, heads: 5 }),
  },
  { name: "rankDescending of tokens", mentions: ["x is [3,7,12]", "[B,N]"], apply: (o, x) => o.rankDescending(x.x!) },
  { name: "rankDescending of truths", mentions: ["bool"], apply: (o, x) => o.rankDescending(o.greater(x.flat!, 0)) },
  { name: "argMax of truths", mentions: ["bool"], apply: (o, x) => o.argMax(isTrue(o, x)) },
  {
    name: "argMax of a number",
    mentions: ["x is []"],
    apply: (o, x) => o.argMax(o.reshape(o.slice(x.gain!, 0, 0, 1), [])),
  },
  {
    name: "compressTokens by destinations of one image",
    mentions: ["averaged is [3,7,12]", "[1,7,C]", "destination [1,7]"],
    apply: (o, x) => o.compressTokens(x.oneFlat!, 4, { averaged: x.x!, summed: [] }),
  },
  {
    name: "compressTokens of sums by destinations of one image",
    mentions: ["summed[0] is [3,7,12]", "destination [1,7]"],
    apply: (o, x) => o.compressTokens(x.oneFlat!, 4, { summed: [x.x!] }),
  },
  {
    name: "compressTokens of sizes by destinations of one image",
    mentions: ["size is [3,7,1]", "destination [1,7]"],
    apply: (o, x) => o.compressTokens(x.oneFlat!, 4, { size: x.size!, summed: [] }),
  },
  {
    name: "compressTokens of averages common to all images",
    mentions: ["averaged is [1,7,12]", "[3,7,C]"],
    apply: (o, x) => o.compressTokens(x.flat!, 4, { averaged: x.one!, summed: [] }),
  },
  {
    name: "compressTokens of other tokens",
    mentions: ["averaged is [3,5,12]", "[3,7,C]"],
    apply: (o, x) => o.compressTokens(x.flat!, 4, { averaged: x.keys!, summed: [] }),
  },
  {
    name: "compressTokens of sizes in two dimensions",
    mentions: ["size is [3,7]", "[3 or 1,7,1]"],
    apply: (o, x) => o.compressTokens(x.flat!, 4, { size: x.flat!, summed: [] }),
  },
  {
    name: "compressTokens to more rows than tokens",
    mentions: ["count is 8", "7"],
    apply: (o, x) => o.compressTokens(x.flat!, 8, { summed: [] }),
  },
  {
    name: "compressTokens to half a row",
    mentions: ["count is 1.5"],
    apply: (o, x) => o.compressTokens(x.flat!, 1.5, { summed: [] }),
  },
  {
    name: "compressTokens by destinations in three dimensions",
    mentions: ["destination is [3,7,1]", "[B,N]"],
    apply: (o, x) => o.compressTokens(x.size!, 4, { summed: [] }),
  },
  {
    name: "compressTokens by truths",
    mentions: ["destination", "bool"],
    apply: (o, x) => o.compressTokens(o.greater(x.flat!, 0), 4, { summed: [] }),
  },
  {
    name: "compressTokens without sums",
    mentions: ["summed", "undefined"],
    apply: (o, x) => o.compressTokens(x.flat!, 4, wrong({ averaged: x.x! })),
  },
];

const primitives: readonly Misuse[] = [
  {
    name: "add of shapes that do not broadcast",
    mentions: ["[3,7,12]", "[3,7,8]"],
    apply: (o, x) => o.add(x.x!, x.narrow!),
  },
  { name: "mul of what is missing", mentions: ["b", "undefined"], apply: (o, x) => o.mul(x.x!, x.typo!) },
  { name: "exp of truths", mentions: ["bool"], apply: (o, x) => o.exp(isTrue(o, x)) },
  { name: "where of numbers", mentions: ["[3,7,12]", "bool"], apply: (o, x) => o.where(x.x!, 1, 0) },
  { name: "sum along an axis that is none", mentions: ["axis 3", "[3,7,12]"], apply: (o, x) => o.sum(x.x!, 3) },
  { name: "max without an axis", mentions: ["axis undefined"], apply: (o, x) => o.max(x.x!, wrong(undefined)) },
  {
    name: "matMul of inner lengths that differ",
    mentions: ["[3,7,12]", "[3,7,8]"],
    apply: (o, x) => o.matMul(x.x!, x.narrow!),
  },
  {
    name: "reshape to another size",
    mentions: ["[3,7,12]", "[3,7,8]"],
    apply: (o, x) => o.reshape(x.x!, [x.x!.shape[0]!, 7, 8]),
  },
  { name: "reshape to a number", mentions: ["252"], apply: (o, x) => o.reshape(x.x!, wrong(252)) },
  { name: "transpose by what is no permutation", mentions: ["[0,0,1]"], apply: (o, x) => o.transpose(x.x!, [0, 0, 1]) },
  { name: "slice beyond the end", mentions: ["[0, 8)", "[3,7,12]"], apply: (o, x) => o.slice(x.x!, 1, 0, 8) },
  { name: "pad by a negative count", mentions: ["-1"], apply: (o, x) => o.pad(x.x!, 1, -1, 0) },
  {
    name: "cast to an unknown type",
    mentions: ["float64", "float32"],
    apply: (o, x) => o.cast(x.x!, wrong("float64")),
  },
  {
    name: "constant of too few values",
    mentions: ["3 values", "[2,2]"],
    apply: (o) => o.constant({ shape: [2, 2], data: new Float32Array(3) }),
  },
  {
    name: "constant of a list",
    mentions: ["Float32Array"],
    apply: (o) => o.constant(wrong({ shape: [2], data: [1, 2] })),
  },
];

const free = (shape: Shape): Shape => [-1, ...shape.slice(1)];

/** Names what is not as it should be; undefined where all is. */
async function problemOf(backend: Backend, { name, mentions, apply }: Misuse, inputs: CompileOptions["inputs"]) {
  const program: Program = (ops, known, fed) => {
    apply(ops, { ...known, ...fed });
    return { y: ops.mul(fed.x!, 1) };
  };
  const feeds = Object.fromEntries(Object.entries(shapes).map(([input, shape], i) => [input, uniform(shape, 10 + i)]));
  let executable: Awaited<ReturnType<Backend["compile"]>> | undefined;
  try {
    executable = await backend.compile(program, { params, inputs });
    await executable.run(feeds);
    return "it was run";
  } catch (error) {
    if (!isPptError(error) || error.code !== "INVALID_SHAPE") return `it gave ${error}`;
    // With a free batch a message has -1 for the number of images.
    const expected = [name.split(" ")[0]!, ...mentions];
    const absent = inputs === shapes ? expected.filter((text) => !error.message.includes(text)) : [];
    return absent.length > 0 ? `the message lacks ${absent.join(" and ")}: ${error.message}` : undefined;
  } finally {
    await executable?.dispose();
  }
}

/** Each with known shapes and with a free batch, which inputs of one image do not have. */
export function misuseCases(create: CreateBackend): ConformanceCase[] {
  const freeShapes = Object.fromEntries(
    Object.entries(shapes).map(([name, shape]) => [name, shape[0] === B ? free(shape) : shape]),
  );
  const groups = { primitives, composites };
  return Object.entries(groups).flatMap(([group, all]) =>
    Object.entries({ "": shapes, " with a free batch": freeShapes }).map(([how, inputs]) => ({
      name: `misuse: ${group}${how} get typed errors`,
      run: () =>
        withBackend(create, async (backend) => {
          const problems: string[] = [];
          for (const one of all) {
            const problem = await problemOf(backend, one, inputs);
            if (problem) problems.push(`${one.name}: ${problem}`);
          }
          if (problems.length > 0) throw new Error(problems.join("\n"));
        }),
    })),
  );
}
