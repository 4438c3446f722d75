/** Shapes and options that the other composites must refuse. attention.ts and tokens.ts have the rest. */
import { type Misuse, window, wrong } from "./case.js";

export const composites: readonly Misuse[] = [
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
  { name: "softmax along an axis that is none", mentions: ["axis 3", "[3,7,12]"], apply: (o, x) => o.softmax(x.x!, 3) },
  { name: "softmax along half an axis", mentions: ["axis 0.5"], apply: (o, x) => o.softmax(x.x!, 0.5) },
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
    name: "layerNorm by a negative epsilon",
    code: "INVALID_OPTION",
    mentions: ["epsilon", "-1"],
    apply: (o, x) => o.layerNorm(x.x!, x.gain!, x.gain!, -1),
  },
  {
    name: "layerNorm by an epsilon of NaN",
    code: "INVALID_OPTION",
    mentions: ["epsilon", "NaN"],
    apply: (o, x) => o.layerNorm(x.x!, x.gain!, x.gain!, Number.NaN),
  },
  {
    name: "lpNormalize by p = 3",
    code: "INVALID_OPTION",
    mentions: ["p", "3"],
    apply: (o, x) => o.lpNormalize(x.x!, wrong(3)),
  },
  {
    name: "activation of an unknown kind",
    code: "INVALID_OPTION",
    mentions: ["swish", "quick_gelu"],
    apply: (o, x) => o.activation(x.x!, wrong("swish")),
  },
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
    code: "INVALID_OPTION",
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
    name: "resizeBilinear of tokens",
    mentions: ["x", "[3,7,12]", "[B,C,H,W]"],
    apply: (o, x) => o.resizeBilinear(x.x!, [4, 4], true),
  },
  {
    name: "resizeBilinear to no columns",
    mentions: ["size", "[4,0]"],
    apply: (o, x) => o.resizeBilinear(x.image!, [4, 0], true),
  },
  {
    name: "resizeBilinear to one number",
    mentions: ["size", "4"],
    apply: (o, x) => o.resizeBilinear(x.image!, wrong(4), true),
  },
  {
    name: "resizeBilinear by a mode in words",
    code: "INVALID_OPTION",
    mentions: ["alignCorners", "true"],
    apply: (o, x) => o.resizeBilinear(x.image!, [4, 4], wrong("align_corners")),
  },
  {
    name: "gatherRows of tokens without features",
    mentions: ["x", "[3,7]", "[B,N,F]"],
    apply: (o, x) => o.gatherRows(x.flat!, x.flat!),
  },
  {
    name: "gatherRows by one row for each feature",
    mentions: ["rows", "[3,7,12]", "[3,M]"],
    apply: (o, x) => o.gatherRows(x.x!, x.x!),
  },
  {
    name: "softmax of no elements",
    mentions: ["axis 1", "[2,0]"],
    apply: (o) => o.softmax(o.constant({ shape: [2, 0], data: new Float32Array() })),
  },
  {
    name: "linear of no channels",
    mentions: ["x is [2,0]"],
    apply: (o, x) => o.linear(o.constant({ shape: [2, 0], data: new Float32Array() }), x.weight!),
  },
  {
    name: "convolution by filters for tokens",
    mentions: ["weight is [5,12]", "[O,3,3,3]"],
    apply: (o, x) => o.convolution(x.image!, x.weight!, x.bias!, window),
  },
  {
    name: "convolution without a window",
    code: "INVALID_OPTION",
    mentions: ["window", "undefined"],
    apply: (o, x) => o.convolution(x.image!, x.filters!, x.shift!, wrong(undefined)),
  },
];
