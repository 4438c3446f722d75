/** The primitives: those of the CPU backend over this memory, but products and sums of equal shapes in WebAssembly. */
import { plainPrimitives } from "@ppt-vit/backend-cpu/eager";
import { matMulShape, type Primitives, type Shape, sameShape, sizeOf } from "@ppt-vit/core/backend";
import type { Engine } from "./engine.js";
import type { WasmStore } from "./store.js";
import { onPlaced, type WasmTensor } from "./tensor.js";
import { packedBytes } from "./weights.js";

/** How many matrices of an operand precede that of each result: its leading dimensions are broadcast to `leading`. */
function matrixIndices(own: readonly number[], leading: readonly number[]): (index: number) => number {
  const skipped = leading.length - own.length;
  return (index) => {
    let rest = index;
    let place = 0;
    let step = 1;
    for (let axis = leading.length - 1; axis >= skipped; axis--) {
      const at = rest % leading[axis]!;
      rest = Math.floor(rest / leading[axis]!);
      if (own[axis - skipped]! > 1) place += at * step;
      step *= own[axis - skipped]!;
    }
    return place;
  };
}

/** A shape without the leading dimensions of length 1. */
const withoutLeadingOnes = (shape: Shape): Shape =>
  shape.slice(
    Math.max(
      0,
      shape.findIndex((n) => n !== 1),
    ),
  );

export function wasmPrimitives(engine: Engine, store: WasmStore): Primitives<WasmTensor> {
  const { take } = store;
  const shared = onPlaced(plainPrimitives(store));
  return {
    ...shared,

    add(a, b) {
      if (typeof a === "number" || typeof b === "number") return shared.add(a, b);
      if (!sameShape(withoutLeadingOnes(a.shape), withoutLeadingOnes(b.shape))) return shared.add(a, b);
      const out = take(a.shape.length < b.shape.length ? b.shape : a.shape);
      engine.kernels.add(a.address, b.address, out.address, a.data.length);
      return out;
    },

    matMul(a, b) {
      const out = take(matMulShape(a.shape, b.shape));
      const [M, K] = a.shape.slice(-2) as [number, number];
      const N = b.shape.at(-1)!;
      const leading = out.shape.slice(0, -2);
      const matrixA = matrixIndices(a.shape.slice(0, -2), leading);
      const matrixB = matrixIndices(b.shape.slice(0, -2), leading);
      store.scratch(packedBytes(N, K), (panels) => {
        let packed = -1;
        for (let matrix = 0; matrix < sizeOf(leading); matrix++) {
          const own = matrixB(matrix);
          if (own !== packed) engine.kernels.packColumns(b.address + 4 * own * K * N, 4 * N, K, N, panels);
          packed = own;
          const from = a.address + 4 * matrixA(matrix) * M * K;
          engine.kernels.multiply(from, 4 * K, panels, 0, out.address + 4 * matrix * M * N, 4 * N, M, N, K);
        }
      });
      return out;
    },
  };
}
