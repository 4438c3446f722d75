/** Primitives that record ONNX nodes. Arithmetic, comparisons, casts and reshapes of constants are computed while tracing. */
import {
  broadcastShapes,
  computedTensor,
  type DType,
  matMulShape,
  type Operand,
  type Primitives,
  type Shape,
  sameShape,
  sizeOf,
  stridesOf,
  withLength,
} from "@ppt-vit/core/backend";
import type { Fusion } from "./fusion.js";
import { joinedRows, rowsInOrder } from "./gpu-order.js";
import type { Attributes, Graph } from "./graph.js";
import {
  joinedDifference,
  joinedMinimum,
  joinedScores,
  joinedStep,
  joinedSumOfSquares,
  joinedVariance,
} from "./joined.js";
import {
  briefValues,
  commonType,
  constantOf,
  heldBy,
  inputName,
  isPositive,
  needsReshape,
  type OnnxTensor,
  recorded,
} from "./tensor.js";

const binaryOperators = {
  add: { opType: "Add", fold: (a: number, b: number) => a + b },
  sub: { opType: "Sub", fold: (a: number, b: number) => a - b },
  mul: { opType: "Mul", fold: (a: number, b: number) => a * b },
  div: { opType: "Div", fold: (a: number, b: number) => a / b },
  greater: { opType: "Greater", fold: (a: number, b: number) => (a > b ? 1 : 0) },
  equal: { opType: "Equal", fold: (a: number, b: number) => (a === b ? 1 : 0) },
} as const;

type Binary = keyof typeof binaryOperators;

const castTargets: Readonly<Record<DType, number>> = { float32: 1, float16: 10, bool: 9 };

const isNumber = (x: OnnxTensor): boolean => x.host !== undefined && x.shape.length === 0;

/**
 * The stored shape in which two tensors can be combined without a reshape: both have the same one, or one operand is a
 * number. That saves nodes and keeps patterns intact that graph optimisers look for, such as GELU's.
 */
function commonStorage(a: OnnxTensor, b: OnnxTensor): Shape | undefined {
  const fits = isNumber(a) || isNumber(b) || (sameShape(a.shape, b.shape) && sameShape(a.stored, b.stored));
  return fits ? [a, b].find(needsReshape)?.stored : undefined;
}

/** A node that maps each element by itself, so it works in the stored shape. */
export function elementwise(
  graph: Graph,
  x: OnnxTensor,
  opType: string,
  attributes: Attributes = {},
  domain = "",
): OnnxTensor {
  const shape = needsReshape(x) ? x.stored : x.shape;
  const input = inputName(graph, { ...x, shape });
  const node = graph.node(opType, [input], attributes, domain);
  if (domain !== "") graph.declare(node, shape, x.dtype);
  return { ...recorded(node, shape, x.dtype), shape: x.shape };
}

/**
 * A node that reduces along `axis`. The node can also drop the axis, which saves a reshape. On GPUs a reshape costs nothing, but
 * both nodes would be kernels.
 */
export function reduced(graph: Graph, x: OnnxTensor, axis: number, opType: string, forGpu = false): OnnxTensor {
  const inputs = [inputName(graph, x), graph.integers([axis])];
  const reduction = graph.node(opType, inputs, { keepdims: 1 });
  const positive = opType === "ReduceL2" || x.positive;
  const result = { ...recorded(reduction, withLength(x.shape, axis, 1), x.dtype), positive };
  if (forGpu) return result;
  return {
    ...result,
    alternative: {
      shape: x.shape.filter((_, i) => i !== axis),
      record: () => graph.node(opType, inputs, { keepdims: 0 }),
    },
  };
}

/**
 * `precision` is what the model computes in. Under float32 a cast to float16 keeps float32: not every device that runs the
 * graph has half precision. `forGpu` joins steps into fewer kernels, `forCpu` those
 * of them that cost no more there than one of their parts.
 */
export function onnxPrimitives(
  graph: Graph,
  precision: "float32" | "float16",
  { forGpu = false, forCpu = false }: Pick<Fusion, "forGpu" | "forCpu"> = {},
): Primitives<OnnxTensor> {
  const asTensor = (x: Operand<OnnxTensor>): OnnxTensor =>
    typeof x === "number" ? constantOf(Float32Array.of(x), [], "float32") : x;

  function binary(op: Binary) {
    const { opType, fold } = binaryOperators[op];
    return (left: Operand<OnnxTensor>, right: Operand<OnnxTensor>): OnnxTensor => {
      const dtype = commonType(op, [left, right]);
      const [a, b] = [asTensor(left), asTensor(right)];
      const shape = broadcastShapes(op, a.shape, b.shape);
      const outType = op === "greater" || op === "equal" ? "bool" : dtype;
      if (a.host && b.host) return constantOf(foldBinary(a, b, shape, fold), shape, outType);
      const joined = forGpu && join(op, a, b);
      if (joined) return joined;
      const stored = commonStorage(a, b);
      const inputs = [a, b].map((x) => inputName(graph, stored && x.name ? { ...x, shape: stored } : x, dtype));
      const output = graph.node(opType, inputs);
      if (forGpu && op === "add") noteResidual(output, a, b, inputs, stored ?? shape);
      const positive = op === "mul" && isPositive(a) && isPositive(b);
      return { ...recorded(output, stored ?? shape, outType), shape, positive, ...madeBy(op, a, b) };
    };
  }

  /** A sum of two tensors of one shape may be joined with a norm. Of a constant the batch may be 1. */
  function noteResidual(sum: string, a: OnnxTensor, b: OnnxTensor, inputs: readonly string[], shape: Shape): void {
    const fits = (x: OnnxTensor, other: OnnxTensor) =>
      x.name !== undefined && (sameShape(x.shape, other.shape) || sameShape([1, ...x.shape.slice(1)], other.shape));
    if (shape.length < 2 || shape.length > 3) return;
    graph.declare(sum, shape, commonType("add", [a, b]));
    if (fits(a, b)) graph.residuals.set(sum, [inputs[0]!, inputs[1]!]);
    else if (fits(b, a)) graph.residuals.set(sum, [inputs[1]!, inputs[0]!]);
  }

  function join(op: Binary, a: OnnxTensor, b: OnnxTensor): OnnxTensor | undefined {
    if (op === "sub") return rowsInOrder(graph, a, b) ?? joinedDifference(graph, a, b);
    if (op === "mul") return joinedScores(graph, a, b);
    return op === "div" ? joinedVariance(graph, a, b) : undefined;
  }

  function madeBy(op: Binary, left: OnnxTensor, right: OnnxTensor): Pick<OnnxTensor, "made"> {
    if (op === "add" && right.made?.by === "linear" && left.name !== undefined && sameShape(left.shape, right.shape))
      return { made: { by: "residual", before: left, linear: right.made } };
    if (op === "mul" && left.name !== undefined && left.name === right.name)
      return { made: { by: "square", of: left } };
    return op === "greater" || op === "mul" || op === "sub" ? { made: { by: op, left, right } } : {};
  }

  function where(condition: OnnxTensor, left: Operand<OnnxTensor>, right: Operand<OnnxTensor>): OnnxTensor {
    const dtype = commonType("where", [left, right]);
    const [a, b] = [asTensor(left), asTensor(right)];
    // Of NaN the two differ, which whole numbers are not.
    const lower = (forGpu || (forCpu && a.whole)) && joinedMinimum(graph, condition, a, b);
    const joined = lower || (forGpu && joinedRows(graph, where, condition, a, b));
    if (joined) return joined;
    const shape = broadcastShapes("where", broadcastShapes("where", a.shape, b.shape), condition.shape);
    const inputs = [inputName(graph, condition), inputName(graph, a, dtype), inputName(graph, b, dtype)];
    const chosen = recorded(graph.node("Where", inputs), shape, dtype);
    return { ...chosen, made: { by: "where", condition, left: a, right: b } };
  }

  const unary = (opType: string) => (x: OnnxTensor) => elementwise(graph, x, opType);

  return {
    constant: (host) => constantOf(host.data, host.shape, "float32"),

    reshape(x, shape) {
      return x.host ? constantOf(x.host, shape, x.dtype) : { ...x, shape };
    },

    transpose(x, permutation) {
      const shape = permutation.map((p) => x.shape[p]!);
      const fold = (data: Float32Array) => foldTranspose(data, x.shape, permutation);
      if (x.host) return constantOf(fold(x.host), shape, x.dtype);
      if (x.parameter) {
        const turn = () => computedTensor(shape, () => fold(briefValues(x)));
        return heldBy(graph.derived(x.parameter, `${x.shape} ${permutation}`, turn), x.dtype);
      }
      return recorded(graph.node("Transpose", [inputName(graph, x)], { perm: permutation }), shape, x.dtype);
    },

    slice(x, axis, start, end, step = 1) {
      const range = [[start], [end], [axis], ...(step === 1 ? [] : [[step]])].map((list) => graph.integers(list));
      const shape = withLength(x.shape, axis, Math.ceil((end - start) / step));
      return recorded(graph.node("Slice", [inputName(graph, x), ...range]), shape, x.dtype);
    },

    pad(x, axis, before, after) {
      const counts = (count: number) => x.shape.map((_, i) => (i === axis ? count : 0));
      const pads = graph.integers([...counts(before), ...counts(after)]);
      const shape = withLength(x.shape, axis, x.shape[axis]! + before + after);
      return recorded(graph.node("Pad", [inputName(graph, x), pads]), shape, x.dtype);
    },

    cast(x, wanted) {
      const dtype = wanted === "float16" ? precision : wanted;
      if (dtype === x.dtype) return x;
      if (x.parameter && dtype !== "bool") return { ...x, dtype };
      if (x.host) return constantOf(dtype === "bool" ? x.host.map((v) => (v === 0 ? 0 : 1)) : x.host, x.shape, dtype);
      const joined = (forGpu || forCpu) && dtype === "float32" && joinedStep(graph, x);
      return joined || { ...elementwise(graph, x, "Cast", { to: castTargets[dtype] }), dtype };
    },

    add: binary("add"),
    sub: binary("sub"),
    mul: binary("mul"),
    div: binary("div"),
    greater: binary("greater"),
    equal: binary("equal"),
    exp: unary("Exp"),
    log: unary("Log"),
    sqrt: (x) => ({ ...elementwise(graph, x, "Sqrt"), positive: true }),
    tanh: unary("Tanh"),
    erf: unary("Erf"),

    where,

    sum(x, axis) {
      const joined = forGpu && joinedSumOfSquares(graph, x, axis, withLength(x.shape, axis, 1));
      return joined || reduced(graph, x, axis, "ReduceSum", forGpu);
    },
    max: (x, axis) => reduced(graph, x, axis, "ReduceMax", forGpu),

    matMul(a, b) {
      const dtype = commonType("matMul", [a, b]);
      const inputs = [inputName(graph, a, dtype), inputName(graph, b, dtype)];
      const product = recorded(graph.node("MatMul", inputs), matMulShape(a.shape, b.shape), dtype);
      const isColumn =
        a.host && a.shape.length === 2 && a.shape[0] === a.shape[1] && b.shape.length === 3 && b.shape[2] === 1;
      return isColumn ? { ...product, made: { by: "product", matrix: a, column: b } } : product;
    },

    scope: (name, body) => graph.scope(name, body),
  };
}

function foldBinary(a: OnnxTensor, b: OnnxTensor, shape: Shape, fold: (a: number, b: number) => number): Float32Array {
  const strides = stridesOf(shape);
  const indexer = (x: OnnxTensor) => {
    const lead = shape.length - x.shape.length;
    const own = stridesOf(x.shape);
    return (flat: number) =>
      x.shape.reduce((at, n, i) => {
        const coordinate = Math.floor(flat / strides[lead + i]!) % shape[lead + i]!;
        return at + (n === 1 ? 0 : coordinate) * own[i]!;
      }, 0);
  };
  const [atA, atB] = [indexer(a), indexer(b)];
  return Float32Array.from({ length: sizeOf(shape) }, (_, i) => fold(a.host![atA(i)]!, b.host![atB(i)]!));
}

function foldTranspose(data: Float32Array, shape: Shape, permutation: readonly number[]): Float32Array {
  if (permutation.length === 2 && permutation[0] === 1) return transposedMatrix(data, shape[0]!, shape[1]!);
  const strides = stridesOf(shape);
  const outShape = permutation.map((p) => shape[p]!);
  const steps = permutation.map((p) => strides[p]!);
  const out = new Float32Array(data.length);
  const counter = outShape.map(() => 0);
  let from = 0;
  for (let i = 0; i < out.length; i++) {
    out[i] = data[from]!;
    for (let axis = outShape.length - 1; axis >= 0; axis--) {
      from += steps[axis]!;
      if (++counter[axis]! < outShape[axis]!) break;
      from -= steps[axis]! * outShape[axis]!;
      counter[axis] = 0;
    }
  }
  return out;
}

/** Works in tiles, because weights are large: both matrices then use each cache line while it is loaded. */
export function transposedMatrix(data: Float32Array, rows: number, columns: number): Float32Array {
  const tile = 32;
  const out = new Float32Array(data.length);
  for (let top = 0; top < rows; top += tile)
    for (let left = 0; left < columns; left += tile)
      for (let row = top; row < Math.min(top + tile, rows); row++)
        for (let column = left; column < Math.min(left + tile, columns); column++)
          out[column * rows + row] = data[row * columns + column]!;
  return out;
}
