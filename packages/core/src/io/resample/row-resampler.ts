/** The interface of the two implementations of a resize's inner loops, in plain JavaScript and in WebAssembly. */
import type { Windows } from "./windows.js";

/** Resizes one picture. The last rows taken stay in a ring, which holds as many as the longest window of `rows`. */
export interface RowResampler {
  /** Resamples row `y` of the input, `pixels [width, 3]`, along its width and puts it into the ring. */
  take(pixels: Uint8Array, y: number): void;
  /** Makes row `y` of the output, [columns, 3], from rows of the ring. The next call overwrites the result. */
  make(y: number): Uint8Array;
}

/** Makes the resampler of a picture `inputWidth` pixels wide. Only one may be in use at a time. */
export type RowResamplers = (inputWidth: number, columns: Windows, rows: Windows) => RowResampler;
