/** The inner loops in WebAssembly with SIMD, four to eight times as fast as those in JavaScript. */
import type { RowResamplers } from "./row-resampler.js";
import binary from "./simd.wat";

/** What `simd.wat` exports. Every argument is an address or a number of bytes. */
interface Exports {
  readonly memory: WebAssembly.Memory;
  resampleRow(input: number, output: number, outputEnd: number, windows: number, weights: number, stride: number): void;
  weighRows(
    ring: number,
    ringEnd: number,
    first: number,
    rowBytes: number,
    weights: number,
    weightsEnd: number,
    output: number,
    outputEnd: number,
  ): void;
}

const pageBytes = 65_536;
let instance: RowResamplers | undefined;
let attempted = false;

/** Undefined if WebAssembly with SIMD is missing, or a content security policy forbids WebAssembly. */
export function simdRows(): RowResamplers | undefined {
  if (!attempted) instance = instantiate();
  attempted = true;
  return instance;
}

function instantiate(): RowResamplers | undefined {
  try {
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(binary));
    return resamplers(exports as unknown as Exports);
  } catch {
    return undefined;
  }
}

function resamplers({ memory, resampleRow, weighRows }: Exports): RowResamplers {
  return (inputWidth, columns, rows) => {
    const outputBytes = 3 * columns.starts.length;
    // The kernels process eight bytes at once, and write one byte beyond a row.
    const rowBytes = align(outputBytes + 1, 8);
    let size = 0;
    const reserve = (bytes: number) => {
      const address = size;
      size += align(bytes, 16);
      return address;
    };
    const input = reserve(3 * inputWidth + 1);
    const windows = reserve(8 * columns.starts.length);
    const columnWeights = reserve(columns.weights.byteLength);
    const rowWeights = reserve(rows.weights.byteLength);
    const output = reserve(rowBytes);
    const ring = reserve(rows.stride * rowBytes);
    const ringEnd = ring + rows.stride * rowBytes;
    const missing = size - memory.buffer.byteLength;
    if (missing > 0) memory.grow(Math.ceil(missing / pageBytes));

    const bytes = new Uint8Array(memory.buffer);
    const words = new Int32Array(memory.buffer);
    columns.starts.forEach((start, x) => {
      words[windows / 4 + 2 * x] = 3 * start;
      words[windows / 4 + 2 * x + 1] = 4 * columns.lengths[x]!;
    });
    words.set(columns.weights, columnWeights / 4);
    words.set(rows.weights, rowWeights / 4);
    return {
      take(pixels, y) {
        bytes.set(pixels, input);
        const row = ring + (y % rows.stride) * rowBytes;
        resampleRow(input, row, row + outputBytes, windows, columnWeights, 4 * columns.stride);
      },
      make(y) {
        const first = ring + (rows.starts[y]! % rows.stride) * rowBytes;
        const weights = rowWeights + 4 * y * rows.stride;
        const weightsEnd = weights + 4 * rows.lengths[y]!;
        weighRows(ring, ringEnd, first, rowBytes, weights, weightsEnd, output, output + outputBytes);
        return bytes.subarray(output, output + outputBytes);
      },
    };
  };
}

const align = (bytes: number, to: number): number => Math.ceil(bytes / to) * to;
