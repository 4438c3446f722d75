/** Matrix product. Every output is one float64 sum over k in ascending order, so tiling never changes the result. */

/** Rows of `a` in one block, which stays in the cache while all of `b` is read: 63 rows of 768 floats are 190 KB. */
const blockRows = 63;

/** A matrix inside a buffer: element (i, k) lies at `offset + i * stride + k`. */
export interface Matrix {
  readonly data: Float32Array;
  readonly offset: number;
  readonly stride: number;
}

/**
 * out[i, j] = sum_k a[i, k] b[j, k] (+ bias[j]): a [M, K], b [N, K] as PyTorch stores weights, out [M, N].
 * Both operands are read along their rows, so neither has to be copied into another layout.
 */
export function multiplyTransposed(
  a: Matrix,
  b: Matrix,
  out: Matrix,
  M: number,
  N: number,
  K: number,
  bias?: Float32Array,
): void {
  for (let block = 0; block < M; block += blockRows) {
    const end = Math.min(block + blockRows, M);
    const tiledEnd = end - ((end - block) % 3);
    let j = 0;
    for (; j + 4 <= N; j += 4) {
      let i = block;
      for (; i < tiledEnd; i += 3) tile3x4(a, i, b, j, out, K, bias);
      for (; i < end; i++) tile1x4(a, i, b, j, out, K, bias);
    }
    for (; j < N; j++) for (let i = block; i < end; i++) tile1x1(a, i, b, j, out, K, bias);
  }
}

/** A tile of 3 x 4 outputs. It needs twelve sums and seven operands. Larger tiles spill out of the registers and are slower. */
function tile3x4(a: Matrix, i: number, b: Matrix, j: number, out: Matrix, K: number, bias?: Float32Array): void {
  const A = a.data;
  const B = b.data;
  const a0 = a.offset + i * a.stride;
  const a1 = a0 + a.stride;
  const a2 = a1 + a.stride;
  const b0 = b.offset + j * b.stride;
  const b1 = b0 + b.stride;
  const b2 = b1 + b.stride;
  const b3 = b2 + b.stride;
  let s00 = 0;
  let s01 = 0;
  let s02 = 0;
  let s03 = 0;
  let s10 = 0;
  let s11 = 0;
  let s12 = 0;
  let s13 = 0;
  let s20 = 0;
  let s21 = 0;
  let s22 = 0;
  let s23 = 0;
  for (let k = 0; k < K; k++) {
    const x0 = A[a0 + k]!;
    const x1 = A[a1 + k]!;
    const x2 = A[a2 + k]!;
    const y0 = B[b0 + k]!;
    const y1 = B[b1 + k]!;
    const y2 = B[b2 + k]!;
    const y3 = B[b3 + k]!;
    s00 += x0 * y0;
    s01 += x0 * y1;
    s02 += x0 * y2;
    s03 += x0 * y3;
    s10 += x1 * y0;
    s11 += x1 * y1;
    s12 += x1 * y2;
    s13 += x1 * y3;
    s20 += x2 * y0;
    s21 += x2 * y1;
    s22 += x2 * y2;
    s23 += x2 * y3;
  }
  const c0 = bias ? bias[j]! : 0;
  const c1 = bias ? bias[j + 1]! : 0;
  const c2 = bias ? bias[j + 2]! : 0;
  const c3 = bias ? bias[j + 3]! : 0;
  const C = out.data;
  let o = out.offset + i * out.stride + j;
  C[o] = s00 + c0;
  C[o + 1] = s01 + c1;
  C[o + 2] = s02 + c2;
  C[o + 3] = s03 + c3;
  o += out.stride;
  C[o] = s10 + c0;
  C[o + 1] = s11 + c1;
  C[o + 2] = s12 + c2;
  C[o + 3] = s13 + c3;
  o += out.stride;
  C[o] = s20 + c0;
  C[o + 1] = s21 + c1;
  C[o + 2] = s22 + c2;
  C[o + 3] = s23 + c3;
}

function tile1x4(a: Matrix, i: number, b: Matrix, j: number, out: Matrix, K: number, bias?: Float32Array): void {
  const A = a.data;
  const B = b.data;
  const a0 = a.offset + i * a.stride;
  const b0 = b.offset + j * b.stride;
  const b1 = b0 + b.stride;
  const b2 = b1 + b.stride;
  const b3 = b2 + b.stride;
  let s0 = 0;
  let s1 = 0;
  let s2 = 0;
  let s3 = 0;
  for (let k = 0; k < K; k++) {
    const x = A[a0 + k]!;
    s0 += x * B[b0 + k]!;
    s1 += x * B[b1 + k]!;
    s2 += x * B[b2 + k]!;
    s3 += x * B[b3 + k]!;
  }
  const C = out.data;
  const o = out.offset + i * out.stride + j;
  C[o] = s0 + (bias ? bias[j]! : 0);
  C[o + 1] = s1 + (bias ? bias[j + 1]! : 0);
  C[o + 2] = s2 + (bias ? bias[j + 2]! : 0);
  C[o + 3] = s3 + (bias ? bias[j + 3]! : 0);
}

function tile1x1(a: Matrix, i: number, b: Matrix, j: number, out: Matrix, K: number, bias?: Float32Array): void {
  const A = a.data;
  const B = b.data;
  const a0 = a.offset + i * a.stride;
  const b0 = b.offset + j * b.stride;
  let s = 0;
  for (let k = 0; k < K; k++) s += A[a0 + k]! * B[b0 + k]!;
  out.data[out.offset + i * out.stride + j] = s + (bias ? bias[j]! : 0);
}

/** out[j, i] = x[i, j] for x [rows, columns]. */
export function transposeInto(x: Matrix, out: Matrix, rows: number, columns: number): void {
  for (let i = 0; i < rows; i++) {
    const from = x.offset + i * x.stride;
    for (let j = 0; j < columns; j++) out.data[out.offset + j * out.stride + i] = x.data[from + j]!;
  }
}
