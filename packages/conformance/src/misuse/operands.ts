/** Replaces every operand of every operation by a wrong one: undefined, a host tensor, bools, or too many dimensions. */
import { hostTensor } from "@ppt-vit/core";
import type { Ops, Tensor, Tensors } from "@ppt-vit/core/backend";
import { type Misuse, window, wrong } from "./case.js";

/** One valid call. */
interface Call {
  readonly op: string;
  /** The shared tensor for each operand. An operand whose name ends in `?` may be left out. */
  readonly operands: Readonly<Record<string, string>>;
  /** Whether the operands may be bools. */
  readonly takesBool?: boolean;
  /** Whether the operands may have any number of dimensions. */
  readonly anyRank?: boolean;
  apply<T extends Tensor>(ops: Ops<T>, a: Tensors<T>): unknown;
}

const options = { heads: 3, scale: 0.5 };

const projectionsOf = <T extends Tensor>(a: Tensors<T>) => {
  const projection = (name: string) => ({ weight: a[`${name}.weight`]!, bias: a[`${name}.bias`] });
  return { query: projection("query"), key: projection("key"), value: projection("value") };
};
const projected = Object.fromEntries(
  ["query", "key", "value"].flatMap((name) => [
    [`${name}.weight`, "square"],
    [`${name}.bias?`, "gain"],
  ]),
);

const composites: readonly Call[] = [
  {
    op: "linear",
    operands: { weight: "weight", "bias?": "bias" },
    apply: (o, a) => o.linear(a.x!, a.weight!, a.bias),
  },
  { op: "linear", operands: { x: "x" }, anyRank: true, apply: (o, a) => o.linear(a.x!, a.weight!) },
  { op: "unfold", operands: { x: "image" }, apply: (o, a) => o.unfold(a.x!, window) },
  {
    op: "convolution",
    operands: { x: "image", weight: "filters", "bias?": "shift" },
    apply: (o, a) => o.convolution(a.x!, a.weight!, a.bias, window),
  },
  { op: "resizeBilinear", operands: { x: "image" }, apply: (o, a) => o.resizeBilinear(a.x!, [4, 4], true) },
  { op: "gatherRows", operands: { x: "x", rows: "flat" }, apply: (o, a) => o.gatherRows(a.x!, a.rows!) },
  { op: "softmax", operands: { x: "x" }, anyRank: true, apply: (o, a) => o.softmax(a.x!) },
  {
    op: "layerNorm",
    operands: { weight: "gain", bias: "gain" },
    apply: (o, a) => o.layerNorm(a.x!, a.weight!, a.bias!, 1e-6),
  },
  { op: "layerNorm", operands: { x: "x" }, anyRank: true, apply: (o, a) => o.layerNorm(a.x!, a.gain!, a.gain!, 1e-6) },
  { op: "l2Norm", operands: { x: "x" }, anyRank: true, apply: (o, a) => o.l2Norm(a.x!) },
  { op: "lpNormalize", operands: { x: "x" }, anyRank: true, apply: (o, a) => o.lpNormalize(a.x!, 2) },
  { op: "activation", operands: { x: "x" }, anyRank: true, apply: (o, a) => o.activation(a.x!, "gelu") },
  {
    op: "attention",
    operands: { q: "x", k: "keys", v: "keys", "logSize?": "sizes5" },
    apply: (o, a) => o.attention(a.q!, a.k!, a.v!, { ...options, logSize: a.logSize }),
  },
  {
    op: "selfAttention",
    operands: { x: "x", ...projected, "logSize?": "oneFlat" },
    apply: (o, a) => o.selfAttention(a.x!, projectionsOf(a), { ...options, observe: "class", logSize: a.logSize }),
  },
  {
    op: "classAttention",
    operands: { q: "first", k: "x", "logSize?": "flat" },
    apply: (o, a) => o.classAttention(a.q!, a.k!, { ...options, logSize: a.logSize }),
  },
  { op: "rankDescending", operands: { x: "flat" }, apply: (o, a) => o.rankDescending(a.x!) },
  { op: "argMax", operands: { x: "x" }, anyRank: true, apply: (o, a) => o.argMax(a.x!) },
  {
    op: "pickPartners",
    operands: { keys: "keys" },
    apply: (o, a) => o.pickPartners(a.keys!, { firstCandidate: 2, firstPartner: 1, firstRow: 1 }),
  },
  {
    op: "compressTokens",
    operands: { destination: "flat", "size?": "size", "averaged?": "x", "summed[0]": "one" },
    apply: (o, a) =>
      o.compressTokens(a.destination!, 4, { size: a.size, averaged: a.averaged, summed: [a["summed[0]"]!] }),
  },
];

const primitives: readonly Call[] = [
  ...(["add", "sub", "mul", "div", "greater", "equal"] as const).map(
    (op): Call => ({ op, operands: { a: "x", b: "one" }, anyRank: true, apply: (o, a) => o[op](a.a!, a.b!) }),
  ),
  ...(["exp", "log", "sqrt", "tanh", "erf"] as const).map(
    (op): Call => ({ op, operands: { x: "x" }, anyRank: true, apply: (o, a) => o[op](a.x!) }),
  ),
  ...(["sum", "max"] as const).map(
    (op): Call => ({ op, operands: { x: "x" }, anyRank: true, apply: (o, a) => o[op](a.x!, 1) }),
  ),
  { op: "matMul", operands: { a: "x", b: "square" }, anyRank: true, apply: (o, a) => o.matMul(a.a!, a.b!) },
  { op: "pad", operands: { x: "x" }, anyRank: true, apply: (o, a) => o.pad(a.x!, 1, 1, 0) },
  {
    op: "where",
    operands: { a: "x", b: "x" },
    anyRank: true,
    apply: (o, a) => o.where(o.greater(a.x!, 0), a.a!, a.b!),
  },
  {
    op: "slice",
    operands: { x: "x" },
    anyRank: true,
    takesBool: true,
    apply: (o, a) => o.slice(a.x!, 1, 0, 1),
  },
  {
    op: "reshape",
    operands: { x: "square" },
    anyRank: true,
    takesBool: true,
    apply: (o, a) => o.reshape(a.x!, [6, 24]),
  },
  {
    op: "transpose",
    operands: { x: "x" },
    anyRank: true,
    takesBool: true,
    apply: (o, a) => o.transpose(a.x!, [0, 2, 1]),
  },
  { op: "cast", operands: { x: "x" }, anyRank: true, takesBool: true, apply: (o, a) => o.cast(a.x!, "bool") },
];

/** Values that may wrongly stand in place of an operand, and the error that each must get. */
interface Replacement {
  readonly what: string;
  readonly code: NonNullable<Misuse["code"]>;
  readonly mentions: string;
  applies(call: Call, isOptional: boolean): boolean;
  make<T extends Tensor>(ops: Ops<T>, x: Tensors<T>, original: T): T;
}

const replacements: readonly Replacement[] = [
  {
    what: "that is undefined",
    code: "INVALID_INPUT",
    mentions: "undefined",
    applies: (_, isOptional) => !isOptional,
    make: () => wrong(undefined),
  },
  { what: "that is null", code: "INVALID_INPUT", mentions: "null", applies: () => true, make: () => wrong(null) },
  {
    what: "in host memory",
    code: "INVALID_INPUT",
    mentions: "constant()",
    applies: () => true,
    make: (_ops, _x, { shape }) => wrong(hostTensor(shape.map(Math.abs), () => 1)),
  },
  {
    what: "of truths",
    code: "INVALID_DTYPE",
    mentions: "bool",
    applies: ({ takesBool }) => !takesBool,
    make: (ops, _x, original) => ops.greater(original, 0),
  },
  {
    what: "of five dimensions",
    code: "INVALID_SHAPE",
    mentions: ",2,2,2,2]",
    applies: ({ anyRank }) => !anyRank,
    make: (_ops, x) => x.deep!,
  },
];

const calls = [...primitives, ...composites];
const nameOf = (operand: string) => operand.replace("?", "");

/** The shared tensors, under their own names and under the names of the call's operands. */
const argumentsOf = <T extends Tensor>({ operands }: Call, x: Tensors<T>): Tensors<T> => ({
  ...x,
  ...Object.fromEntries(Object.entries(operands).map(([operand, source]) => [nameOf(operand), x[source]!])),
});

export const operandMisuses: readonly Misuse[] = calls.flatMap((call) =>
  Object.keys(call.operands).flatMap((operand) => {
    const argument = nameOf(operand);
    return replacements
      .filter(({ applies }) => applies(call, operand !== argument))
      .map(
        ({ what, code, mentions, make }): Misuse => ({
          name: `${call.op}: ${argument} ${what}`,
          code,
          mentions: [argument, mentions],
          apply(ops, x) {
            const fitting = argumentsOf(call, x);
            return call.apply(ops, { ...fitting, [argument]: make(ops, x, fitting[argument]!) });
          },
        }),
      );
  }),
);

/** Makes all valid calls. Every backend must accept them. */
export function applyAll<T extends Tensor>(ops: Ops<T>, x: Tensors<T>): void {
  for (const call of calls) call.apply(ops, argumentsOf(call, x));
}
