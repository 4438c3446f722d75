/** Shapes and options that primitives must refuse. */
import { type Misuse, wrong } from "./case.js";

export const primitives: readonly Misuse[] = [
  {
    name: "add of shapes that do not broadcast",
    mentions: ["[3,7,12]", "[3,7,8]"],
    apply: (o, x) => o.add(x.x!, x.narrow!),
  },
  {
    name: "where of numbers",
    code: "INVALID_DTYPE",
    mentions: ["[3,7,12]", "bool"],
    apply: (o, x) => o.where(x.x!, 1, 0),
  },
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
    code: "INVALID_DTYPE",
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
    code: "INVALID_INPUT",
    mentions: ["Float32Array"],
    apply: (o) => o.constant(wrong({ shape: [2], data: [1, 2] })),
  },

  {
    name: "constant of negative lengths",
    code: "INVALID_INPUT",
    mentions: ["shape"],
    apply: (o) => o.constant({ shape: [-1, -2], data: new Float32Array(2) }),
  },
  {
    name: "constant of nothing",
    code: "INVALID_INPUT",
    mentions: ["undefined"],
    apply: (o) => o.constant(wrong(undefined)),
  },
  { name: "reshape to two unknown lengths", mentions: ["[-1,-1]"], apply: (o, x) => o.reshape(x.square!, [-1, -1]) },
  { name: "reshape to half a length", mentions: ["[288,0.5]"], apply: (o, x) => o.reshape(x.square!, [288, 0.5]) },
  {
    name: "transpose by two axes of three",
    mentions: ["[1,0]", "[3,7,12]"],
    apply: (o, x) => o.transpose(x.x!, [1, 0]),
  },
  {
    name: "transpose by names",
    mentions: ["[0,1,length]"],
    apply: (o, x) => o.transpose(x.x!, [0, 1, wrong("length")]),
  },
  { name: "slice of nothing", mentions: ["[2, 2)"], apply: (o, x) => o.slice(x.x!, 1, 2, 2) },
  { name: "slice in steps of 0", mentions: ["steps of 0"], apply: (o, x) => o.slice(x.x!, 1, 0, 2, 0) },
  { name: "pad along an axis that is none", mentions: ["axis -4"], apply: (o, x) => o.pad(x.x!, -4, 1, 1) },
  {
    name: "max of no elements",
    mentions: ["axis 1", "[2,0]"],
    apply: (o) => o.max(o.constant({ shape: [2, 0], data: new Float32Array() }), 1),
  },
  { name: "matMul of a vector", mentions: ["[12]"], apply: (o, x) => o.matMul(x.gain!, x.square!) },
  {
    name: "where of shapes that do not broadcast",
    mentions: ["[3,7,12]", "[3,7,8]"],
    apply: (o, x) => o.where(o.greater(x.x!, 0), x.narrow!, 0),
  },
  {
    name: "scope without a name",
    code: "INVALID_OPTION",
    mentions: ["name", "undefined"],
    apply: (o, x) => o.scope(wrong(undefined), () => x.x!),
  },
  {
    name: "scope without a body",
    code: "INVALID_INPUT",
    mentions: ["body", "undefined"],
    apply: (o) => o.scope("part", wrong(undefined)),
  },
];
