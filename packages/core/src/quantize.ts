/** Turns matrices into integers. Only linear layers hold such: everything else of a model stays in floats. */
import { PptError } from "./errors.js";
import { briefData } from "./lazy-tensor.js";
import { checkArgument, hostTensorCheck } from "./options.js";
import { blocksIn, zeroPoint } from "./quantized/blocks.js";
import { quantizedTensor } from "./quantized/index.js";
import type { HostTensor } from "./seam.js";
import { showShape } from "./shape.js";

/**
 * The largest magnitude of an 8-bit value, seven bits instead of eight. Processors with AVX2 and without VNNI add two
 * products of an activation (at most 255) and a weight in 16 bits, which hold 32,767. 2 x 255 x 64 fits; 2 x 255 x 127
 * saturates, without an error (docs/decisions/0020-quantised-weights.md).
 */
const largest = 64;

/** The smallest normal number. A row or block of zeros has any scale; this one keeps its inverse finite. */
const smallestScale = 2 ** -126;

/** Values of a row that share a scale in 4 bits. */
const blockLength = 32;

/**
 * Quantises a weight [O, I] to 8 bits, with one scale for each output channel. Its `data` then gives `integers * scale`.
 * @throws PptError INVALID_INPUT if it is no tensor; INVALID_SHAPE if it is no matrix; INVALID_WEIGHTS for a value that is
 * not finite
 */
export function quantizeRows(weight: HostTensor): HostTensor {
  const [O, I] = matrixShape("quantizeRows", weight);
  const data = briefData(weight);
  const integers = new Int8Array(O * I);
  const scales = new Float32Array(O);
  for (let row = 0; row < O; row++) {
    const end = (row + 1) * I;
    const extreme = extremeOf("quantizeRows", data, row * I, end, row);
    const scale = Math.fround(Math.max(Math.abs(extreme) / largest, smallestScale));
    scales[row] = scale;
    for (let i = row * I; i < end; i++) integers[i] = stepsAbove(-largest, data[i]!, scale) - largest;
  }
  return quantizedTensor([O, I], { kind: "rows", integers, scales });
}

/**
 * Quantises a weight [O, I] to 4 bits, with one scale for each 32 values of a row. The last block of a row is padded with
 * zeros.
 * @throws PptError INVALID_INPUT if it is no tensor; INVALID_SHAPE if it is no matrix; INVALID_WEIGHTS for a value that is
 * not finite
 */
export function quantizeBlocks(weight: HostTensor): HostTensor {
  const [O, I] = matrixShape("quantizeBlocks", weight);
  const perRow = blocksIn(I, blockLength);
  const integers = new Uint8Array((O * perRow * blockLength) / 2).fill(zeroPoint * 17);
  const scales = new Float32Array(O * perRow);
  const data = briefData(weight);
  for (let row = 0; row < O; row++)
    for (let n = 0; n < perRow; n++) {
      const start = row * I + n * blockLength;
      const end = Math.min(start + blockLength, (row + 1) * I);
      const at = row * perRow + n;
      // The integers reach from -8 to 7, so the largest magnitude becomes -8 and the scale may be negative.
      const exact = Math.fround(extremeOf("quantizeBlocks", data, start, end, row) / -zeroPoint);
      const scale = Math.abs(exact) < smallestScale ? smallestScale : exact;
      scales[at] = scale;
      // Two integers in each byte. Where a row ends within a byte, the other half keeps the zero.
      let byte = (at * blockLength) / 2;
      for (let i = start; i < end; i += 2) {
        const high = i + 1 < end ? ofBlock(data[i + 1]!, scale) : zeroPoint;
        integers[byte++] = (high << 4) | ofBlock(data[i]!, scale);
      }
    }
  return quantizedTensor([O, I], { kind: "blocks", block: blockLength, integers, scales });
}

/** Bytes of a matrix [O, I] as `quantizeRows` stores it. */
export const rowsBytes = (O: number, I: number): number => O * I + 4 * O;

/** Bytes of a matrix [O, I] as `quantizeBlocks` stores it. */
export const blocksBytes = (O: number, I: number): number => O * blocksIn(I, blockLength) * (blockLength / 2 + 4);

function matrixShape(where: string, weight: HostTensor): readonly [O: number, I: number] {
  checkArgument(where, "weight", weight, hostTensorCheck);
  const { shape } = weight;
  if (shape.length !== 2) throw new PptError("INVALID_SHAPE", `${where}: expected a matrix, got ${showShape(shape)}`);
  return shape as readonly [number, number];
}

/**
 * Whole steps of `scale` from `lowest` up to the nearest one to `value`, which is not below `lowest`. Halves are rounded up, as
 * by `Math.round`. That function takes six times as long, because it branches on each fraction. A quotient of two float32 that
 * is no half is further from one than the sums are rounded, so the results are the same.
 */
const stepsAbove = (lowest: number, value: number, scale: number): number => (value / scale - lowest + 0.5) | 0;

/** The integer in 4 bits of a value. The range has one step less above zero than below. */
const ofBlock = (value: number, scale: number): number => Math.min(15, stepsAbove(-zeroPoint, value, scale));

/** The value of largest magnitude among those of a row from `begin` up to `end`, with its sign; the first of several. */
function extremeOf(where: string, data: Float32Array, begin: number, end: number, row: number): number {
  let most = 0;
  let extreme = 0;
  let rest = 0;
  // A plain loop: Math.max takes no row of a million arguments, and an iterator takes three times as long.
  for (let i = begin; i < end; i++) {
    const value = data[i]!;
    const magnitude = Math.abs(value);
    // 0 for finite values, NaN for all others.
    rest += value - value;
    if (magnitude > most) {
      most = magnitude;
      extreme = value;
    }
  }
  if (rest === 0) return extreme;
  const wrong = data.subarray(begin, end).find((value) => !Number.isFinite(value));
  throw new PptError("INVALID_WEIGHTS", `${where}: row ${row} holds ${wrong}, expected finite values`);
}
