/** Compares every primitive with its reference, on odd shapes, broadcasts, ties and infinities. */
import type { Backend, HostTensor, Ops, Tensor, Tensors } from "@ppt-vit/core/backend";
import { iota } from "@ppt-vit/core/testing";
import {
  type ConformanceCase,
  type CreateBackend,
  expectClose,
  runProgram,
  tolerancesOf,
  uniform,
  withBackend,
} from "./harness.js";
import * as reference from "./reference.js";

interface PrimitiveCase {
  readonly name: string;
  readonly feeds: Tensors<HostTensor>;
  readonly expected: HostTensor;
  readonly needsNonFinite?: boolean;
  readonly exact?: boolean;
  apply<T extends Tensor>(ops: Ops<T>, x: Tensors<T>): T;
}

const { elementwise, scalar } = reference;

/** Pairs of shapes that broadcast in every way the algorithm needs. */
const shapePairs: [number[], number[]][] = [
  [[7], [7]],
  [
    [3, 5, 7],
    [3, 5, 7],
  ],
  [[3, 5, 7], [7]],
  [
    [3, 5, 7],
    [5, 1],
  ],
  [
    [3, 1, 7],
    [1, 5, 1],
  ],
  [
    [1, 13],
    [5, 1],
  ],
  [
    [2, 3, 5, 7],
    [2, 1, 1, 7],
  ],
  [[1], [2, 3, 1, 5]],
];

const arithmetic = {
  add: (a: number, b: number) => a + b,
  sub: (a: number, b: number) => a - b,
  mul: (a: number, b: number) => a * b,
  div: (a: number, b: number) => a / b,
};

const comparisons = {
  greater: (a: number, b: number) => (a > b ? 1 : 0),
  equal: (a: number, b: number) => (a === b ? 1 : 0),
};

/** Whole numbers from -2 to 2, so every comparison sees ties. */
const withTies = (shape: number[], seed: number): HostTensor => {
  const x = uniform(shape, seed, -2.5, 2.5);
  return { shape, data: x.data.map(Math.round) };
};

const special: HostTensor = {
  shape: [9],
  data: Float32Array.of(-Infinity, -1e30, -1, -0, 0, 1, 1e30, Infinity, Number.NaN),
};

function* cases(): Generator<PrimitiveCase> {
  for (const [index, [shapeA, shapeB]] of shapePairs.entries()) {
    const at = `[${shapeA}] and [${shapeB}]`;
    for (const [op, f] of Object.entries(arithmetic) as [keyof typeof arithmetic, (a: number, b: number) => number][]) {
      // Divisors are not close to 0.
      const feeds = { a: uniform(shapeA, index), b: uniform(shapeB, 100 + index, 0.5, 2) };
      yield {
        name: `${op} ${at}`,
        feeds,
        expected: elementwise(f, feeds.a, feeds.b),
        apply: (ops, { a, b }) => ops[op](a!, b!),
      };
    }
    const ties = { a: withTies(shapeA, index), b: withTies(shapeB, 100 + index) };
    for (const [op, f] of Object.entries(comparisons) as [keyof typeof comparisons, (a: number, b: number) => number][])
      yield {
        name: `${op} ${at}`,
        feeds: ties,
        expected: elementwise(f, ties.a, ties.b),
        exact: true,
        apply: (ops, { a, b }) => ops.cast(ops[op](a!, b!), "float32"),
      };
    yield {
      name: `where ${at}`,
      feeds: ties,
      expected: elementwise((a, b) => (a > b ? a : 10 * b), ties.a, ties.b),
      exact: true,
      apply: (ops, { a, b }) => ops.where(ops.greater(a!, b!), a!, ops.mul(b!, 10)),
    };
  }

  const x = uniform([3, 5], 1);
  for (const [op, f] of Object.entries(arithmetic) as [keyof typeof arithmetic, (a: number, b: number) => number][]) {
    yield {
      name: `${op} with a number on the right`,
      feeds: { x },
      expected: elementwise(f, x, scalar(3)),
      apply: (ops, f) => ops[op](f.x!, 3),
    };
    const positive = uniform([3, 5], 2, 0.5, 2);
    yield {
      name: `${op} with a number on the left`,
      feeds: { x: positive },
      expected: elementwise(f, scalar(3), positive),
      apply: (ops, f) => ops[op](3, f.x!),
    };
  }
  yield {
    name: "where with numbers",
    feeds: { x },
    expected: elementwise((v) => (v > 0 ? 1 : -2), x),
    exact: true,
    apply: (ops, { x }) => ops.where(ops.greater(x!, 0), 1, -2),
  };
  yield {
    name: "where never shows the side not taken",
    feeds: { x },
    expected: elementwise((v) => (v > 0 ? Math.log(v) : 0), x),
    needsNonFinite: true,
    apply: (ops, { x }) => ops.where(ops.greater(x!, 0), ops.log(x!), 0),
  };

  for (const op of ["greater", "equal"] as const) {
    const row = { shape: [1, 9], data: special.data };
    const column = { shape: [9, 1], data: special.data };
    yield {
      name: `${op} of infinities, NaN and signed zeros`,
      feeds: { row, column },
      expected: elementwise(comparisons[op], column, row),
      needsNonFinite: true,
      exact: true,
      apply: (ops, f) => ops.cast(ops[op](f.column!, f.row!), "float32"),
    };
  }
  yield {
    name: "max of rows with infinities",
    feeds: {
      x: { shape: [3, 3], data: Float32Array.of(-Infinity, -Infinity, -Infinity, -1, Infinity, 2, -Infinity, 3, -4) },
    },
    expected: { shape: [3, 1], data: Float32Array.of(-Infinity, Infinity, 3) },
    needsNonFinite: true,
    exact: true,
    apply: (ops, { x }) => ops.max(x!, 1),
  };

  const unary: Record<string, { f: (v: number) => number; low: number; high: number }> = {
    exp: { f: Math.exp, low: -20, high: 3 },
    log: { f: Math.log, low: 0.01, high: 200 },
    sqrt: { f: Math.sqrt, low: 0, high: 100 },
    tanh: { f: Math.tanh, low: -6, high: 6 },
    erf: { f: reference.erf, low: -5, high: 5 },
  };
  for (const [op, { f, low, high }] of Object.entries(unary)) {
    const input = uniform([5, 103], 7, low, high);
    yield {
      name: op,
      feeds: { x: input },
      expected: elementwise(f, input),
      apply: (ops, { x }) => ops[op as "exp" | "log" | "sqrt" | "tanh" | "erf"](x!),
    };
  }

  const cube = uniform([3, 5, 7], 11);
  const long = uniform([6, 7, 18], 11);
  for (const axis of [0, 1, 2]) {
    yield {
      name: `sum along axis ${axis}`,
      feeds: { x: cube },
      expected: reference.reduce(cube, axis, (v) => v.reduce((a, b) => a + b)),
      apply: (ops, { x }) => ops.sum(x!, axis),
    };
    yield {
      name: `max along axis ${axis}`,
      feeds: { x: cube },
      expected: reference.reduce(cube, axis, (v) => Math.max(...v)),
      exact: true,
      apply: (ops, { x }) => ops.max(x!, axis),
    };
    yield {
      name: `slice of axis ${axis}`,
      feeds: { x: cube },
      expected: reference.slice(cube, axis, 1, 3, 1),
      exact: true,
      apply: (ops, { x }) => ops.slice(x!, axis, 1, 3),
    };
    yield {
      name: `slice of axis ${axis} in steps`,
      feeds: { x: long },
      expected: reference.slice(long, axis, 1, 6, 2),
      exact: true,
      apply: (ops, { x }) => ops.slice(x!, axis, 1, 6, 2),
    };
    yield {
      name: `pad of axis ${axis}`,
      feeds: { x: cube },
      expected: reference.pad(cube, axis, 2, 1),
      exact: true,
      apply: (ops, { x }) => ops.pad(x!, axis, 2, 1),
    };
  }
  yield {
    name: "sum along the last axis, counted from the end",
    feeds: { x: cube },
    expected: reference.reduce(cube, 2, (v) => v.reduce((a, b) => a + b)),
    apply: (ops, { x }) => ops.sum(x!, -1),
  };
  yield {
    name: "pad of a traced batch in front of one row",
    feeds: { x: uniform([2, 1, 3], 3) },
    expected: reference.pad(uniform([2, 1, 3], 3), 1, 1, 0),
    exact: true,
    apply: (ops, { x }) => ops.pad(x!, 1, 1, 0),
  };

  const permutations = [
    [1, 0],
    [0, 2, 1],
    [2, 0, 1],
    [0, 2, 1, 3],
    [0, 2, 4, 1, 3, 5],
  ];
  for (const permutation of permutations) {
    const input = uniform([2, 3, 5, 2, 4, 3].slice(0, permutation.length), 13);
    yield {
      name: `transpose by [${permutation}]`,
      feeds: { x: input },
      expected: reference.transpose(input, permutation),
      exact: true,
      apply: (ops, { x }) => ops.transpose(x!, permutation),
    };
  }
  yield {
    name: "reshape with an inferred dimension",
    feeds: { x: cube },
    expected: { shape: [15, 7], data: cube.data },
    exact: true,
    apply: (ops, { x }) => ops.reshape(x!, [-1, 7]),
  };
  yield {
    name: "constant",
    feeds: { x },
    expected: elementwise((a, b) => a + b, x, uniform([5], 17)),
    apply: (ops, f) => ops.add(f.x!, ops.constant(uniform([5], 17))),
  };
  yield {
    name: "cast to bool and back",
    feeds: { x: withTies([4, 5], 3) },
    expected: elementwise((v) => (v === 0 ? 0 : 1), withTies([4, 5], 3)),
    exact: true,
    apply: (ops, { x }) => ops.cast(ops.cast(x!, "bool"), "float32"),
  };
  yield {
    name: "cast to bool, which is read as 0 and 1",
    feeds: { x: withTies([4, 5], 3) },
    expected: elementwise((v) => (v === 0 ? 0 : 1), withTies([4, 5], 3)),
    exact: true,
    apply: (ops, { x }) => ops.cast(x!, "bool"),
  };
  yield {
    name: "cast of whole numbers to half precision and back",
    feeds: { x: iota([4, 5]) },
    expected: iota([4, 5]),
    exact: true,
    apply: (ops, { x }) => ops.cast(ops.mul(ops.cast(x!, "float16"), 1), "float32"),
  };

  const products: [number[], number[]][] = [
    [
      [1, 1],
      [1, 1],
    ],
    [
      [5, 7],
      [7, 3],
    ],
    [
      [1, 67],
      [67, 5],
    ],
    [
      [66, 3],
      [3, 67],
    ],
    [
      [2, 5, 7],
      [7, 9],
    ],
    [
      [2, 3, 5, 7],
      [2, 3, 7, 6],
    ],
    [
      [3, 5, 7],
      [1, 7, 4],
    ],
    [
      [1, 5, 7],
      [3, 7, 4],
    ],
    [
      [2, 1, 5, 7],
      [3, 7, 4],
    ],
  ];
  for (const [shapeA, shapeB] of products) {
    const feeds = { a: uniform(shapeA, 19), b: uniform(shapeB, 23) };
    yield {
      name: `matMul [${shapeA}] by [${shapeB}]`,
      feeds,
      expected: reference.matMul(feeds.a, feeds.b),
      apply: (ops, { a, b }) => ops.matMul(a!, b!),
    };
  }

  yield {
    name: "scopes nest, and what they return survives",
    feeds: { x },
    expected: elementwise((v) => v * 2 + v * 3 + v * 2, x),
    apply(ops, { x }) {
      const { kept, list } = ops.scope("outer", () => {
        const kept = ops.mul(x!, 2);
        const inner = ops.scope("inner", () => [ops.mul(x!, 3), ops.reshape(kept, kept.shape)]);
        ops.mul(kept, 100);
        return { kept, list: inner };
      });
      ops.scope("noise", () => ops.mul(x!, 1000));
      return ops.add(ops.add(kept, list[0]!), list[1]!);
    },
  };
}

/** One case per primitive and shape. */
export function primitiveCases(create: CreateBackend, { capabilities }: Backend): ConformanceCase[] {
  const tolerance = tolerancesOf(capabilities).operation;
  return [...cases()].map(({ name, feeds, expected, needsNonFinite, exact, apply }) => ({
    name: `primitive: ${name}`,
    ...(needsNonFinite && !capabilities.nonFinite ? { skip: "capabilities.nonFinite" } : {}),
    run: () =>
      withBackend(create, async (backend) => {
        const { y } = await runProgram(backend, (ops, _params, x) => ({ y: apply(ops, x) }), feeds);
        expectClose("y", y, expected, exact && capabilities.precision === "float32" ? 0 : tolerance);
      }),
  }));
}
