/** Matrices in 8-bit integers. Only linear layers hold them: everything else of a model stays in floats. */
import { PptError } from "./errors.js";
import { checkArgument, hostTensorCheck } from "./options.js";
import type { HostTensor, QuantizedRows } from "./seam.js";
import { showShape } from "./shape.js";

/**
 * The largest magnitude of a quantised value, seven bits instead of eight. Processors with AVX2 and without VNNI add two
 * products of an activation (at most 255) and a weight in 16 bits, which hold 32,767. 2 x 255 x 64 fits; 2 x 255 x 127
 * saturates, without an error (docs/decisions/0020-quantised-weights.md).
 */
const largest = 64;

/**
 * Quantises a weight [O, I] with one scale for each output channel. Its `data` then gives `integers * scale`.
 * @throws PptError INVALID_INPUT if it is no tensor; INVALID_SHAPE if it is no matrix; INVALID_WEIGHTS for a value that is
 * not finite
 */
export function quantizeRows(weight: HostTensor): HostTensor {
  checkArgument("quantizeRows", "weight", weight, hostTensorCheck);
  const { shape, data } = weight;
  if (shape.length !== 2)
    throw new PptError("INVALID_SHAPE", `quantizeRows: expected a matrix, got ${showShape(shape)}`);
  const [O, I] = shape as [number, number];
  const integers = new Int8Array(O * I);
  const scales = new Float32Array(O);
  for (let row = 0; row < O; row++) {
    const values = data.subarray(row * I, (row + 1) * I);
    // A plain loop: Math.max takes no row of a million arguments.
    let magnitude = 0;
    for (const value of values) {
      if (!Number.isFinite(value))
        throw new PptError("INVALID_WEIGHTS", `quantizeRows: row ${row} holds ${value}, expected finite values`);
      magnitude = Math.max(magnitude, Math.abs(value));
    }
    // A row of zeros has any scale. The smallest normal number keeps its inverse finite.
    const scale = Math.fround(Math.max(magnitude / largest, 2 ** -126));
    scales[row] = scale;
    for (let i = 0; i < I; i++) integers[row * I + i] = Math.round(values[i]! / scale);
  }
  return fromRows(shape, { integers, scales });
}

/** A host tensor that keeps its integers. Each reading of `data` computes the floats anew, so that nobody pays for both. */
function fromRows(shape: HostTensor["shape"], quantized: QuantizedRows): HostTensor {
  return {
    shape,
    quantized,
    get data() {
      return dequantized(quantized);
    },
  };
}

function dequantized({ integers, scales }: QuantizedRows): Float32Array {
  const I = integers.length / scales.length;
  const out = new Float32Array(integers.length);
  for (let row = 0; row < scales.length; row++)
    for (let i = row * I; i < (row + 1) * I; i++) out[i] = integers[i]! * scales[row]!;
  return out;
}
