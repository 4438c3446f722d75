/** Composites that rank and select: they move numbers, and compute none. */
import type { Composites } from "@ppt-vit/core/backend";
import type { TensorStore } from "./store.js";
import type { CpuTensor } from "./tensor.js";

/** What leading elements count as in a ranking: the greatest float. */
const greatest = (2 - 2 ** -23) * 2 ** 127;

export function selectionOverrides<T extends CpuTensor>({
  take,
}: TensorStore<T>): Pick<Composites<T>, "gatherRows" | "rankDescending" | "argMax"> {
  return {
    /** Copies rows. The default multiplies by a 0/1 matrix instead. */
    gatherRows(x, rows) {
      const [B, N, F] = x.shape as [number, number, number];
      const M = rows.shape[1]!;
      const out = take([B, M, F]);
      for (const [i, row] of rows.data.entries()) {
        const from = (Math.floor(i / M) * N + row) * F;
        if (row >= 0 && row < N) out.data.set(x.data.subarray(from, from + F), i * F);
        else out.data.fill(0, i * F, (i + 1) * F);
      }
      return out;
    },

    /** Compares each pair once. The default has a matrix of them. */
    rankDescending(given, leading = 0) {
      const [B, N] = given.shape as [number, number];
      const out = take(given.shape);
      const ranks = out.data;
      for (let image = 0; image < B; image++) {
        const x = given.data.slice(image * N, (image + 1) * N).fill(greatest, 0, leading);
        for (let j = 0; j < N; j++) {
          // An earlier one is before j unless x_j is greater. NaN is not, so elements stay behind it.
          let rank = j;
          for (let i = 0; i < j; i++) if (x[j]! > x[i]!) rank--;
          for (let i = j + 1; i < N; i++) if (x[i]! > x[j]!) rank++;
          ranks[image * N + j] = rank;
        }
      }
      return out;
    },

    argMax(x) {
      const N = x.shape.at(-1)!;
      const out = take(x.shape.slice(0, -1));
      const [from, to] = [x.data, out.data];
      for (let row = 0; row < to.length; row++) {
        let max = Number.NEGATIVE_INFINITY;
        for (let i = row * N; i < (row + 1) * N; i++) max = Math.max(max, from[i]!);
        // As in the default, it is N if NaN is among the elements, because nothing equals the maximum then.
        let first = 0;
        while (first < N && from[row * N + first] !== max) first++;
        to[row] = first;
      }
      return out;
    },
  };
}
