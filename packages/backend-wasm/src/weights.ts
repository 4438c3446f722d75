/** Weights of linear layers, packed for the kernels: panels of eight output channels. */
import type { HostTensor, QuantizedRows } from "@ppt-vit/core/backend";

export const panelColumns = 8;

/** Panels that hold the columns of `columns` output channels. */
export const panelsOf = (columns: number): number => Math.ceil(columns / panelColumns);

/** Bytes of a packed matrix of floats with `N` columns and `K` rows. */
export const packedBytes = (N: number, K: number): number => 4 * panelColumns * panelsOf(N) * K;

/** Integers of a row are padded, so that each half has whole vectors of 16-bit integers. */
export const paddedLength = (K: number): number => Math.ceil(K / 16) * 16;

/** How the integers of a panel are grouped: the layout of `assembly/quantized.ts` or that of `assembly/bytes.ts`. */
interface Layout {
  /** Inputs that stand side by side for each channel. */
  readonly group: number;
  /** Bytes before the integers. */
  readonly head: number;
}
const layouts = { pairs: { group: 2, head: 0 }, bytes: { group: 4, head: 4 * panelColumns } } as const;
const layoutOf = (bytes: boolean): Layout => (bytes ? layouts.bytes : layouts.pairs);

const panelBytes = (K: number, { head }: Layout): number => head + panelColumns * paddedLength(K);

/** Bytes of a packed matrix of integers. */
export const quantizedBytes = (N: number, K: number, bytes: boolean): number =>
  panelsOf(N) * panelBytes(K, layoutOf(bytes));

/**
 * The largest magnitude of a quantised activation, at most that of 14 bits. K products with weights of at most 128 then fit
 * into 32 bits.
 */
export const largestActivation = (K: number): number => Math.min(8191, Math.floor((2 ** 31 - 1) / (128 * K)));

/** Rows of a left operand from which on `assembly/strassen.ts` takes less time. Its sums of the weights are made in each call. */
export const leastGrouped = 24;

/** Bytes of the groups of M rows that `assembly/strassen.ts` makes. */
export const groupedBytes = (M: number, K: number): number => 28 * K * Math.ceil(M / 8);

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

/** Where the value for output channel `o` and input `i` of `I` is: groups of inputs, and in each the eight channels. */
const placeOf = (o: number, i: number, I: number, layout: Layout): number =>
  Math.floor(o / panelColumns) * panelBytes(I, layout) +
  layout.head +
  Math.floor(i / layout.group) * layout.group * panelColumns +
  (o % panelColumns) * layout.group +
  (i % layout.group);

/** integers [O, I] into panels: for each group of inputs, their values of each of eight channels. */
export function packIntegers({ integers, scales }: QuantizedRows, panels: Int8Array, bytes: boolean): void {
  const I = integers.length / scales.length;
  const layout = layoutOf(bytes);
  const { group } = layout;
  panels.fill(0);
  for (let o = 0; o < scales.length; o++) {
    const first = placeOf(o, 0, I, layout);
    let sum = 0;
    for (let i = 0; i < I; i++) {
      const value = integers[o * I + i]!;
      sum += value;
      panels[first + (i - (i % group)) * panelColumns + (i % group)] = value;
    }
    if (bytes) panels.set(bytesOf(-64 * sum), startOf(o, I, layout));
  }
}

/** Where the panel of a channel has the start of its sums. */
const startOf = (o: number, I: number, layout: Layout): number =>
  Math.floor(o / panelColumns) * panelBytes(I, layout) + 4 * (o % panelColumns);

const bytesOf = (integer: number): Int8Array => new Int8Array(Int32Array.of(integer).buffer);

/** The floats of what `packIntegers` packed. */
export function unpackIntegers(
  panels: Int8Array,
  scales: Float32Array,
  I: number,
  data: Float32Array,
  bytes: boolean,
): void {
  const layout = layoutOf(bytes);
  for (let o = 0; o < scales.length; o++)
    for (let i = 0; i < I; i++) data[o * I + i] = panels[placeOf(o, i, I, layout)]! * scales[o]!;
}
