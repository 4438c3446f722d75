/** The product of matrices, and with it all primitives. */
import { matMulShape, type Primitives } from "@ppt-vit/core/backend";
import { multiplyTransposed, transposeInto } from "./kernels/gemm.js";
import { broadcastStrides, rowLoop } from "./kernels/strided.js";
import { plainPrimitives } from "./primitives.js";
import type { TensorStore } from "./store.js";
import type { CpuTensor } from "./tensor.js";

export function cpuPrimitives<T extends CpuTensor>(store: TensorStore<T>): Primitives<T> {
  const { take } = store;
  return {
    ...plainPrimitives(store),

    matMul(a, b) {
      const out = take(matMulShape(a.shape, b.shape));
      const [M, K] = a.shape.slice(-2) as [number, number];
      const N = b.shape.at(-1)!;
      const leading = out.shape.slice(0, -2);
      const rows = rowLoop(leading, [
        broadcastStrides(a.shape.slice(0, -2), leading),
        broadcastStrides(b.shape.slice(0, -2), leading),
      ]);
      const transposed = { data: take([N, K]).data, offset: 0, stride: K };
      rows.forEach((o, [matrixA, matrixB]) => {
        for (let i = 0; i < rows.length; i++) {
          const offsetB = (matrixB! + i * rows.steps[1]!) * K * N;
          transposeInto({ data: b.data, offset: offsetB, stride: N }, transposed, K, N);
          const offsetA = (matrixA! + i * rows.steps[0]!) * M * K;
          const target = { data: out.data, offset: (o + i) * M * N, stride: N };
          multiplyTransposed({ data: a.data, offset: offsetA, stride: K }, transposed, target, M, N, K);
        }
      });
      return out;
    },
  };
}
