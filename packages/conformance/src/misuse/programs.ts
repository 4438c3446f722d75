/** Programs that return something other than tensors by name. */
import { hostTensor } from "@ppt-vit/core";
import type { Ops, Program, Tensor } from "@ppt-vit/core/backend";
import { wrong } from "./case.js";

interface WrongResult {
  readonly name: string;
  readonly mentions: readonly string[];
  result<T extends Tensor>(ops: Ops<T>, x: T): unknown;
}

const results: readonly WrongResult[] = [
  { name: "nothing", mentions: ["undefined"], result: () => undefined },
  { name: "a promise", mentions: ["promise"], result: async (_ops, x) => ({ y: x }) },
  { name: "an array", mentions: ["tensors by name"], result: (_ops, x) => [x] },
  { name: "an output that is undefined", mentions: ["output 'y'", "undefined"], result: () => ({ y: undefined }) },
  {
    name: "an output in host memory",
    mentions: ["output 'y'", "constant()"],
    result: () => ({ y: hostTensor([2], () => 1) }),
  },
  {
    name: "a constant that was not made by constant()",
    mentions: ["host", "Float32Array"],
    result: (ops) => ({ y: ops.constant(wrong({ shape: [2], data: [1, 2] })) }),
  },
];

/** Programs that every backend must refuse with INVALID_INPUT, with what the message must contain. */
export const wrongPrograms = results.map(({ name, mentions, result }) => ({
  name: `a program that returns ${name}`,
  mentions,
  program: ((ops, _params, { x }) => wrong(result(ops, x!))) satisfies Program as Program,
}));
