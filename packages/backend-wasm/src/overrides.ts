/** Composites in WebAssembly. Measurements: docs/decisions/0022-wasm-engine.md. */
import { selectionOverrides } from "@ppt-vit/backend-cpu/eager";
import { type OwnComposites, type Primitives, type SlidingWindow, sameShape, sizeOf } from "@ppt-vit/core/backend";
import type { Engine } from "./engine.js";
import { activationNumbers } from "./kernels.js";
import { observationOverrides } from "./observation.js";
import type { Packed, Parameters } from "./parameters.js";
import { rarely } from "./rarely.js";
import { Remembered, type WasmStore } from "./store.js";
import { type Elements, onPlaced, type WasmTensor } from "./tensor.js";
import { groupedBytes, largestActivation, leastGrouped, packedBytes, paddedLength } from "./weights.js";

/** The address of a tensor, or 0 for none. */
const addressOf = (x: WasmTensor | undefined): number => x?.address ?? 0;

/** Makes all composites but those that are made of others. */
export function wasmComposites(
  engine: Engine,
  store: WasmStore,
  parameters: Parameters,
): (ops: Primitives<WasmTensor>) => OwnComposites<WasmTensor> {
  const { take } = store;
  const activations = new Remembered(store);
  const bytes = Number(engine.multipliesBytes);
  /** Activations that nothing has read yet. */
  const unread = new WeakMap<Elements, { readonly x: WasmTensor; readonly kind: number }>();

  /** Quantises x, which may be an activation that was never computed as floats. */
  function quantize(x: WasmTensor, M: number, K: number, address: number, scales: number): void {
    const I = x.shape.at(-1)!;
    const activated = x.elements.placed ? undefined : unread.get(x.elements);
    const from = (activated?.x ?? x).address;
    const given = [from, M, I, K, largestActivation(I), address, scales, bytes] as const;
    if (!activated) engine.kernels.quantize(...given);
    else
      store.scratch(engine.kernels.activatedScratch(I), (scratch) =>
        engine.kernels.quantizeActivated(...given, activated.kind, scratch),
      );
  }

  /** out [M, O] = x [M, I] times packed weights + bias. */
  function product(x: WasmTensor, packed: Packed, bias: WasmTensor | undefined, out: WasmTensor, M: number): void {
    const I = x.shape.at(-1)!;
    const O = out.shape.at(-1)!;
    const { panels, scales } = packed;
    const to = out.address;
    if (scales === undefined) {
      engine.kernels.multiply(x.address, 4 * I, panels, addressOf(bias), to, 4 * O, M, O, I);
      return;
    }
    const K = paddedLength(I);
    const grouped = bytes === 0 && M >= leastGrouped;
    const scalesAt = 2 * M * K;
    const groupsAt = scalesAt + Math.ceil((4 * M) / 64) * 64;
    const size = grouped ? groupsAt + groupedBytes(M, K) : groupsAt;
    const integers = activations.of(x, size, (address) => {
      quantize(x, M, K, address, address + scalesAt);
      if (grouped) engine.kernels.groupRows(address, M, K, address + groupsAt);
    });
    const rowScales = integers + scalesAt;
    const given = [panels, scales, addressOf(bias), to, 4 * O, M, O, K, bytes] as const;
    if (!grouped) engine.kernels.multiplyQuantized(integers, rowScales, 0, ...given, 0);
    else
      store.scratch(engine.kernels.quantizedScratch(K), (scratch) =>
        engine.kernels.multiplyQuantized(integers, rowScales, integers + groupsAt, ...given, scratch),
      );
  }

  /** Calls `kernel` with the rows of the last axis: an address, one for the result, their number and their length. */
  function alongRows(
    x: WasmTensor,
    kernel: (x: number, out: number, rows: number, n: number) => void,
    shape = x.shape,
  ): WasmTensor {
    const n = x.shape.at(-1)!;
    const out = take(shape);
    if (n > 0) kernel(x.address, out.address, x.data.length / n, n);
    return out;
  }

  const softmaxOfRows = (x: WasmTensor) => alongRows(x, (...rows) => engine.kernels.softmax(...rows));

  const lpNormalize = (x: WasmTensor, p: 1 | 2) =>
    alongRows(x, (from, to, rows, n) => engine.kernels.lpNormalize(from, to, rows, n, p));

  /** Patches that fill the picture. Other windows are left to the CPU backend's loop. */
  function patches(x: WasmTensor, { kernel, stride, padding }: SlidingWindow): WasmTensor | undefined {
    const [B, C, H, W] = x.shape as [number, number, number, number];
    const [height, width] = kernel;
    const fill = H % height === 0 && W % width === 0 && padding.every((n) => n === 0);
    if (!fill || !sameShape(kernel, stride) || width % 4 !== 0) return undefined;
    const [rows, columns] = [H / height, W / width];
    const out = take([B, rows * columns, C * height * width]);
    for (let image = 0; image < B; image++) {
      const at = 4 * image * C * H * W;
      engine.kernels.cutPatches(x.address + at, out.address + at, C, rows, columns, height, width);
    }
    return out;
  }

  return (ops) => {
    const rare = rarely(engine, store);
    return {
      ...rare,
      ...onPlaced(selectionOverrides(store)),
      unfold: (x, window) => patches(x, window) ?? rare.unfold(x, window),
      ...onPlaced(observationOverrides(engine, store, lpNormalize)),
      lpNormalize,

      linear(x, weight, bias) {
        const [O, I] = weight.shape as [number, number];
        const out = take([...x.shape.slice(0, -1), O]);
        const M = sizeOf(x.shape) / I;
        const packed = parameters.packed(weight);
        if (packed) product(x, packed, bias, out, M);
        else
          store.scratch(packedBytes(O, I), (panels) => {
            engine.kernels.packRows(weight.address, 4 * I, I, O, panels);
            product(x, { panels }, bias, out, M);
          });
        return out;
      },

      softmax(x, axis = -1) {
        const last = x.shape.length - 1;
        if (axis === -1 || axis === last) return softmaxOfRows(x);
        const swapped = x.shape.map((_, i) => (i === axis ? last : i === last ? axis : i));
        return ops.transpose(softmaxOfRows(ops.transpose(x, swapped)), swapped);
      },

      layerNorm: (x, weight, bias, epsilon) =>
        alongRows(x, (from, to, rows, n) =>
          engine.kernels.layerNorm(from, weight.address, bias.address, to, rows, n, epsilon),
        ),

      l2Norm: (x) => alongRows(x, (...rows) => engine.kernels.l2Norm(...rows), [...x.shape.slice(0, -1), 1]),

      activation(x, kind) {
        const number = activationNumbers[kind];
        const fill = (to: number) => engine.kernels.activation(x.address, to, x.data.length, number);
        // A product with integers quantises x, and computes the activation on the way.
        if (parameters.areQuantized) {
          const out = store.later(x.shape, fill);
          unread.set(out.elements, { x, kind: number });
          return out;
        }
        const out = take(x.shape);
        fill(out.address);
        return out;
      },

      attention(q, k, v, { heads, scale, logSize }) {
        const [B, M, C] = q.shape as [number, number, number];
        const N = k.shape[1]!;
        const d = C / heads;
        const out = take(q.shape);
        store.scratch(engine.kernels.attentionScratch(N, d), (scratch) => {
          for (let image = 0; image < B; image++) {
            const [queries, keys] = [4 * image * M * C, 4 * image * N * C];
            const sizes = logSize ? logSize.address + (logSize.shape[0] === 1 ? 0 : 4 * image * N) : 0;
            const [from, to] = [q.address + queries, out.address + queries];
            const [key, value] = [k.address + keys, v.address + keys];
            engine.kernels.attention(from, key, value, sizes, to, scratch, M, N, 4 * C, heads, d, scale);
          }
        });
        return out;
      },

      /** Adds each token to its destination row. The default multiplies by a 0/1 matrix instead. */
      compressTokens(destination, count, { size, averaged, summed }) {
        const [B, N] = destination.shape as [number, number];
        const imageOf = (x: WasmTensor, image: number) =>
          x.address + (x.shape[0] === 1 ? 0 : 4 * image * N * x.shape[2]!);
        /** [B, count, F], the sums of the rows of x [B or 1, N, F] by destination, weighted if `weights` are given. */
        const sums = (x: WasmTensor, weights?: WasmTensor) => {
          const F = x.shape[2]!;
          const out = take([B, count, F]);
          out.data.fill(0);
          for (let image = 0; image < B; image++) {
            const rows = weights ? imageOf(weights, image) : 0;
            const to = out.address + 4 * image * count * F;
            engine.kernels.addRows(destination.address + 4 * image * N, imageOf(x, image), rows, to, N, F, count);
          }
          return out;
        };
        const newSize = sums(size ?? store.constant({ shape: [1, N, 1], data: new Float32Array(N).fill(1) }));
        const averages = (x: WasmTensor) => {
          const mean = sums(x, size);
          engine.kernels.divideRows(mean.address, newSize.address, B * count, x.shape[2]!);
          return mean;
        };
        return { size: newSize, averaged: averaged && averages(averaged), summed: summed.map((x) => sums(x)) };
      },
    };
  };
}
