/** Reference implementations of operations, written as directly as possible. Results of every backend are compared to them. */
import {
  type HostTensor,
  type Shape,
  type SlidingWindow,
  sizeOf,
  stridesOf,
  windowPositions,
  withLength,
} from "@ppt-vit/core/backend";

/** Builds a tensor. `element` returns each element, given its coordinates. */
function build(shape: Shape, element: (at: readonly number[]) => number): HostTensor {
  const strides = stridesOf(shape);
  const data = Float32Array.from({ length: sizeOf(shape) }, (_, flat) =>
    element(shape.map((length, axis) => Math.floor(flat / strides[axis]!) % length)),
  );
  return { shape, data };
}

/** The element of a tensor at some coordinates, which broadcast as in NumPy. */
function at(x: HostTensor, coordinates: readonly number[]): number {
  const own = coordinates.slice(coordinates.length - x.shape.length);
  const strides = stridesOf(x.shape);
  return x.data[own.reduce((flat, c, axis) => flat + (x.shape[axis] === 1 ? 0 : c) * strides[axis]!, 0)]!;
}

export const scalar = (value: number): HostTensor => ({ shape: [], data: Float32Array.of(value) });

function broadcast(...shapes: Shape[]): Shape {
  const rank = Math.max(...shapes.map((shape) => shape.length));
  return Array.from({ length: rank }, (_, i) =>
    Math.max(...shapes.map((shape) => shape[shape.length - rank + i] ?? 1)),
  );
}

export const elementwise = (f: (...values: number[]) => number, ...operands: HostTensor[]): HostTensor =>
  build(broadcast(...operands.map((x) => x.shape)), (c) => f(...operands.map((x) => at(x, c))));

export const transpose = (x: HostTensor, permutation: readonly number[]): HostTensor =>
  build(
    permutation.map((p) => x.shape[p]!),
    (c) =>
      at(
        x,
        permutation.map((_, axis) => c[permutation.indexOf(axis)]!),
      ),
  );

const shifted = (c: readonly number[], axis: number, by: number) => c.map((n, i) => (i === axis ? n + by : n));

export const slice = (x: HostTensor, axis: number, start: number, end: number, step: number): HostTensor =>
  build(withLength(x.shape, axis, Math.ceil((end - start) / step)), (c) =>
    at(
      x,
      c.map((n, i) => (i === axis ? start + n * step : n)),
    ),
  );

export const pad = (x: HostTensor, axis: number, before: number, after: number): HostTensor =>
  build(withLength(x.shape, axis, before + x.shape[axis]! + after), (c) => {
    const inside = c[axis]! >= before && c[axis]! < before + x.shape[axis]!;
    return inside ? at(x, shifted(c, axis, -before)) : 0;
  });

export const reduce = (x: HostTensor, axis: number, fold: (values: number[]) => number): HostTensor =>
  build(withLength(x.shape, axis, 1), (c) =>
    fold(Array.from({ length: x.shape[axis]! }, (_, k) => at(x, shifted(c, axis, k)))),
  );

export function matMul(a: HostTensor, b: HostTensor): HostTensor {
  const [M, K] = a.shape.slice(-2) as [number, number];
  const N = b.shape.at(-1)!;
  return build([...broadcast(a.shape.slice(0, -2), b.shape.slice(0, -2)), M, N], (c) => {
    const lead = c.slice(0, -2);
    const [m, n] = c.slice(-2) as [number, number];
    let sum = 0;
    for (let k = 0; k < K; k++) sum += at(a, [...lead, m, k]) * at(b, [...lead, k, n]);
    return sum;
  });
}

/** erf by its Maclaurin series for |x| < 2, and by the continued fraction of erfc beyond. */
export function erf(x: number): number {
  if (!Number.isFinite(x)) return Number.isNaN(x) ? x : Math.sign(x);
  if (Math.abs(x) < 2) {
    let term = x;
    let sum = x;
    for (let n = 1; n < 60; n++) {
      term *= (-x * x) / n;
      sum += term / (2 * n + 1);
    }
    return (2 / Math.sqrt(Math.PI)) * sum;
  }
  const ax = Math.abs(x);
  let fraction = 0;
  for (let n = 120; n > 0; n--) fraction = n / 2 / (ax + fraction);
  return Math.sign(x) * (1 - Math.exp(-ax * ax) / Math.sqrt(Math.PI) / (ax + fraction));
}

/** Layer normalisation of the last axis. */
export function layerNorm(x: HostTensor, weight: HostTensor, bias: HostTensor, epsilon: number): HostTensor {
  const C = x.shape.at(-1)!;
  const data = new Float32Array(x.data.length);
  for (let row = 0; row < data.length; row += C) {
    const values = Array.from(x.data.subarray(row, row + C));
    const mean = values.reduce((sum, v) => sum + v, 0) / C;
    const variance = values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / C;
    values.forEach((v, c) => {
      data[row + c] = ((v - mean) / Math.sqrt(variance + epsilon)) * weight.data[c]! + bias.data[c]!;
    });
  }
  return { shape: x.shape, data };
}

/** Number of positions of the window along both axes: [rows, columns]. */
const positionsOf = (x: HostTensor, { kernel, stride, padding }: SlidingWindow): [number, number] => [
  windowPositions(x.shape[2]!, kernel[0], stride[0], padding[0]),
  windowPositions(x.shape[3]!, kernel[1], stride[1], padding[1]),
];

/** x [B, C, H, W] -> [B, positions, C kh kw] */
export function unfold(x: HostTensor, window: SlidingWindow): HostTensor {
  const [B, C, H, W] = x.shape as [number, number, number, number];
  const { kernel, stride, padding } = window;
  const [rows, columns] = positionsOf(x, window);
  const [kh, kw] = kernel;
  return build([B, rows * columns, C * kh * kw], ([image, position, feature]) => {
    const channel = Math.floor(feature! / (kh * kw));
    const y = Math.floor(position! / columns) * stride[0] - padding[0] + (Math.floor(feature! / kw) % kh);
    const left = (position! % columns) * stride[1] - padding[1] + (feature! % kw);
    return y >= 0 && y < H && left >= 0 && left < W ? at(x, [image!, channel, y, left]) : 0;
  });
}

/** x [B, I, H, W], weight [O, I, kh, kw], bias [O] -> [B, O, H', W'] */
/** PyTorch's `interpolate` with mode `bilinear`. */
export function resizeBilinear(
  x: HostTensor,
  [rows, columns]: readonly [number, number],
  alignCorners: boolean,
): HostTensor {
  const [B, C, H, W] = x.shape as [number, number, number, number];
  const place = (i: number, from: number, to: number) => {
    const exact = alignCorners ? (to > 1 ? (i * (from - 1)) / (to - 1) : 0) : ((i + 0.5) * from) / to - 0.5;
    return Math.min(Math.max(exact, 0), from - 1);
  };
  return build([B, C, rows, columns], ([image, channel, row, column]) => {
    const [y, x0] = [place(row!, H, rows), place(column!, W, columns)];
    let sum = 0;
    for (const i of [Math.floor(y), Math.floor(y) + 1])
      for (const j of [Math.floor(x0), Math.floor(x0) + 1]) {
        const weight = (1 - Math.abs(y - i)) * (1 - Math.abs(x0 - j));
        if (weight > 0) sum += weight * at(x, [image!, channel!, i, j]);
      }
    return sum;
  });
}

export function convolution(
  x: HostTensor,
  weight: HostTensor,
  bias: HostTensor | undefined,
  window: SlidingWindow,
): HostTensor {
  const [rows, columns] = positionsOf(x, window);
  const windows = unfold(x, window);
  const features = windows.shape[2]!;
  return build([x.shape[0]!, weight.shape[0]!, rows, columns], ([image, output, row, column]) => {
    let sum = bias ? at(bias, [output!]) : 0;
    for (let i = 0; i < features; i++)
      sum += weight.data[output! * features + i]! * at(windows, [image!, row! * columns + column!, i]);
    return sum;
  });
}
