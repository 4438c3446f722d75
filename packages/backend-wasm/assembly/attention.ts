/** Attention in blocks of queries. The weights of one block and one head exist at a time. */
import { multiply, packColumns, packRows } from "./products";
import { softmaxRow } from "./rows";

/** Queries of one block, a multiple of the rows of every tile. */
const blockRows: i32 = 48;

@inline
function panelBytes(columns: i32, K: i32): usize {
  return <usize>((columns + 7) >> 3) * <usize>K << 5;
}

@inline
function padded(N: i32): i32 {
  return (N + 7) & -8;
}

/** Bytes that `attention` needs for N keys and heads of `d` channels. */
export function attentionScratch(N: i32, d: i32): usize {
  return panelBytes(N, d) + panelBytes(d, N) + (<usize>blockRows * <usize>padded(N) << 2);
}

/**
 * `heads` neighbouring heads of one image, each of `d` channels: q [M, d] and so on, logSize [N] or at 0. Rows of q, k, v
 * and out are `stride` bytes apart. `scratch` has `attentionScratch` bytes.
 */
export function attention(
  q: usize,
  k: usize,
  v: usize,
  logSize: usize,
  out: usize,
  scratch: usize,
  M: i32,
  N: i32,
  stride: usize,
  heads: i32,
  d: i32,
  scale: f32,
): void {
  const keys = scratch;
  const values = keys + panelBytes(N, d);
  const weights = values + panelBytes(d, N);
  const weightStride = <usize>padded(N) << 2;
  for (let head = 0; head < heads; head++) {
    const own = <usize>(head * d) << 2;
    packRows(k + own, stride, d, N, keys);
    packColumns(v + own, stride, N, d, values);
    for (let first = 0; first < M; first += blockRows) {
      const rows = min(blockRows, M - first);
      const at = own + <usize>first * stride;
      multiply(q + at, stride, keys, 0, weights, weightStride, rows, N, d);
      for (let row = 0; row < rows; row++) {
        const to = weights + <usize>row * weightStride;
        softmaxRow(to, to, N, scale, logSize);
      }
      multiply(weights, weightStride, values, 0, out + at, stride, rows, d, N);
    }
  }
}
