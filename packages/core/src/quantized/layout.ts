/** What a way of storing a quantised matrix says of itself. Each is one file of this folder, listed in index.ts. */
import type { Quantized } from "../seam.js";

export interface QuantizedLayout<Stored extends Quantized = Quantized> {
  readonly kind: Stored["kind"];
  /** Whether an object of this `kind` has the fields of the layout. */
  holds(fields: Readonly<Record<string, unknown>>): boolean;
  /** Number of elements that each field must have for a matrix [O, I]. */
  lengths(stored: Stored, O: number, I: number): Readonly<Partial<Record<keyof Stored, number>>>;
  /** [O, I], the floats that the integers stand for. */
  floats(stored: Stored, O: number, I: number): Float32Array;
}
