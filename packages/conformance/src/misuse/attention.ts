/** Shapes and options that the composites of attention must refuse. */
import type { Tensor, Tensors } from "@ppt-vit/core/backend";
import { type Misuse, wrong } from "./case.js";

const options = { heads: 3, scale: 0.5 };
const projections = <T extends Tensor>({ square, gain }: Tensors<T>) => {
  const one = { weight: square!, bias: gain! };
  return { query: one, key: one, value: one };
};

export const attentions: readonly Misuse[] = [
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
    code: "INVALID_OPTION",
    mentions: ["scale is NaN"],
    apply: (o, x) => o.attention(x.x!, x.x!, x.x!, { ...options, scale: Number.NaN }),
  },
  {
    name: "attention without options",
    code: "INVALID_OPTION",
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
    code: "INVALID_INPUT",
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

  {
    name: "attention in two precisions",
    code: "INVALID_DTYPE",
    mentions: ["float16", "float32"],
    mayRun: true,
    apply: (o, x) => o.attention(o.cast(x.x!, "float32"), o.cast(x.x!, "float16"), o.cast(x.x!, "float16"), options),
  },
  {
    name: "classAttention of a scale that is a text",
    code: "INVALID_OPTION",
    mentions: ["scale", "0.5"],
    apply: (o, x) => o.classAttention(x.first!, x.x!, { ...options, scale: wrong("0.5") }),
  },
  {
    name: "classAttention of narrower queries",
    mentions: ["q is [3,7,8]", "[3,1,12]"],
    apply: (o, x) => o.classAttention(x.narrow!, x.x!, options),
  },
  {
    name: "selfAttention of no rows",
    mentions: ["rows is 0"],
    apply: (o, x) => o.selfAttention(x.x!, projections(x), { ...options, rows: 0 }),
  },
  {
    name: "selfAttention that is turned by tables of other tokens",
    mentions: ["rotation.cos is [3,5]"],
    apply: (o, x) =>
      o.selfAttention(x.x!, projections(x), { ...options, rotation: { cos: x.sizes5!, sin: x.sizes5! } }),
  },
  {
    name: "selfAttention that compares keys of another kind",
    code: "INVALID_OPTION",
    mentions: ["observedKeys", "turned"],
    apply: (o, x) => o.selfAttention(x.x!, projections(x), { ...options, observedKeys: wrong("turned") }),
  },
  {
    name: "rotate in heads that do not divide the channels",
    mentions: ["heads is 5"],
    apply: (o, x) => o.rotate(x.x!, 5, { cos: x.sizes5!, sin: x.sizes5! }),
  },
  {
    name: "rotate in heads of an odd number of channels",
    mentions: ["heads is 4", "3"],
    apply: (o, x) => o.rotate(x.x!, 4, { cos: x.sizes5!, sin: x.sizes5! }),
  },
  {
    name: "selfAttention that is observed by a text",
    code: "INVALID_OPTION",
    mentions: ["observe", "yes"],
    apply: (o, x) => o.selfAttention(x.x!, projections(x), { ...options, observe: wrong("yes") }),
  },
  {
    name: "selfAttention without projections",
    code: "INVALID_INPUT",
    mentions: ["projections", "undefined"],
    apply: (o, x) => o.selfAttention(x.x!, wrong(undefined), options),
  },
  {
    name: "selfAttention without options",
    code: "INVALID_OPTION",
    mentions: ["options", "undefined"],
    apply: (o, x) => o.selfAttention(x.x!, projections(x), wrong(undefined)),
  },
];
