/** Weights of linear layers, packed for the kernels: panels of eight output channels. */
import type { HostTensor, QuantizedRows } from "@ppt-vit/core/backend";

const panelColumns = 8;

/** Panels that hold the columns of `columns` output channels. */
export const panelsOf = (columns: number): number => Math.ceil(columns / panelColumns);

/** Bytes of a packed matrix of floats with `N` columns and `K` rows. */
export const packedBytes = (N: number, K: number): number => 4 * panelColumns * panelsOf(N) * K;

/** Integers of a row are padded to whole vectors of 16-bit integers. */
export const paddedLength = (K: number): number => Math.ceil(K / 8) * 8;

/** Bytes of a packed matrix of integers. */
export const quantizedBytes = (N: number, K: number): number => panelColumns * panelsOf(N) * paddedLength(K);

/**
 * The largest magnitude of a quantised activation, at most that of 16 bits. K products with weights of at most 128 then fit
 * into 32 bits.
 */
export const largestActivation = (K: number): number => Math.min(32_767, Math.floor((2 ** 31 - 1) / (128 * K)));

/** weight [O, I] into panels [I, 8]: the values of eight channels for one input stand side by side. */
export function packFloats({ shape, data }: HostTensor, panels: Float32Array): void {
  const [O, I] = shape as [number, number];
  panels.fill(0, (panelsOf(O) - 1) * panelColumns * I);
  for (let o = 0; o < O; o++) {
    let to = Math.floor(o / panelColumns) * panelColumns * I + (o % panelColumns);
    for (let from = o * I; from < (o + 1) * I; from++, to += panelColumns) panels[to] = data[from]!;
  }
}

/** The inverse of `packFloats`. */
export function unpackFloats(panels: Float32Array, O: number, I: number, data: Float32Array): void {
  for (let o = 0; o < O; o++) {
    let from = Math.floor(o / panelColumns) * panelColumns * I + (o % panelColumns);
    for (let to = o * I; to < (o + 1) * I; to++, from += panelColumns) data[to] = panels[from]!;
  }
}

/** Where the value for output channel `o` and input `i` of `I` is: pairs of inputs, and in each the eight channels. */
const placeOf = (o: number, i: number, I: number): number =>
  Math.floor(o / panelColumns) * panelColumns * paddedLength(I) +
  (i >> 1) * 2 * panelColumns +
  (o % panelColumns) * 2 +
  (i & 1);

/** integers [O, I] into panels: for each pair of inputs, the two values of each of eight channels. */
export function packIntegers({ integers, scales }: QuantizedRows, panels: Int8Array): void {
  const I = integers.length / scales.length;
  panels.fill(0);
  for (let o = 0; o < scales.length; o++) {
    const panel = placeOf(o, 0, I);
    for (let i = 0; i < I; i++) panels[panel + (i >> 1) * 2 * panelColumns + (i & 1)] = integers[o * I + i]!;
  }
}

/** The floats of what `packIntegers` packed. */
export function unpackIntegers(panels: Int8Array, scales: Float32Array, I: number, data: Float32Array): void {
  for (let o = 0; o < scales.length; o++)
    for (let i = 0; i < I; i++) data[o * I + i] = panels[placeOf(o, i, I)]! * scales[o]!;
}
