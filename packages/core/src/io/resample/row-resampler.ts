/** The interface of the inner loops of a resize. There are two implementations: plain JavaScript and WebAssembly. */
import type { Windows } from "./windows.js";

/** Resizes one picture. The last rows taken stay in a ring buffer, which holds as many rows as the longest window needs. */
export interface RowResampler {
  /** Resamples row `y` of the input, `pixels [width, 3]`, along its width, and puts the result into the ring. */
  take(pixels: Uint8Array, y: number): void;
  /** Makes row `y` of the output, [columns, 3], from the rows in the ring. The next call overwrites the result. */
  make(y: number): Uint8Array;
}

/** Makes the resampler of a picture `inputWidth` pixels wide. Only one may be in use at a time. */
export type RowResamplers = (inputWidth: number, columns: Windows, rows: Windows) => RowResampler;
