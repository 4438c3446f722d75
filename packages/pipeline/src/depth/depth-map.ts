/** Maps of depth, in the form that transformers.js gives them, and pictures of them. */
import { checkArgument, shaped } from "@ppt-vit/core/options";
import { viridisAt } from "../visualize/colours.js";
import type { NumberMap } from "./interpolate.js";

/** The depth of every pixel, row by row: what transformers.js gives as a `Tensor`. */
export interface DepthTensor {
  readonly type: "float32";
  readonly dims: readonly [height: number, width: number];
  /** [height, width] */
  readonly data: Float32Array;
  /** Number of values. */
  readonly size: number;
}

/** A picture of one channel: what transformers.js gives as a `RawImage`. */
export interface GreyImage {
  readonly width: number;
  readonly height: number;
  readonly channels: 1;
  /** [height, width] */
  readonly data: Uint8Array;
}

/** The least and the greatest value of a map. */
export interface DepthRange {
  readonly minimum: number;
  readonly maximum: number;
}

export const tensorOf = ({ width, height, data }: NumberMap): DepthTensor => ({
  type: "float32",
  dims: [height, width],
  data,
  size: data.length,
});

export function rangeOf(data: Float32Array): DepthRange {
  let [minimum, maximum] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const value of data) {
    if (value < minimum) minimum = value;
    if (value > maximum) maximum = value;
  }
  return { minimum, maximum };
}

/** The bytes of transformers.js: float32 after each step, then cut off. A map of one value becomes black. */
export function greyOf({ width, height, data }: NumberMap, { minimum, maximum }: DepthRange): GreyImage {
  const range = Math.fround(maximum - minimum);
  const bytes = new Uint8Array(data.length);
  if (range > 0)
    for (let i = 0; i < data.length; i++)
      bytes[i] = Math.fround(Math.fround(Math.fround(data[i]! - minimum) / range) * 255);
  return { width, height, channels: 1, data: bytes };
}

const depthCheck = shaped("predicted_depth { dims, data: Float32Array }, as estimateDepth() gives it", {
  dims: (value) => Array.isArray(value) && value.length === 2,
  data: (value) => value instanceof Float32Array,
});

/** @throws PptError INVALID_INPUT */
export const requireDepth = (where: string, depth: unknown): void =>
  checkArgument(where, "predicted_depth", depth, depthCheck);

/** Values of a map as whole numbers from 0 for its minimum to `most` for its maximum. A map of one value becomes 0. */
export function scaledDepth<Into extends Uint8Array | Uint16Array>(data: Float32Array, most: number, into: Into): Into {
  const { minimum, maximum } = rangeOf(data);
  const scale = maximum > minimum ? most / (maximum - minimum) : 0;
  for (let i = 0; i < data.length; i++) into[i] = Math.round((data[i]! - minimum) * scale);
  return into;
}

/** A picture with colours and opacity, for `new ImageData(data, width, height)` in a page. */
export interface ColourImage {
  readonly width: number;
  readonly height: number;
  readonly channels: 4;
  /** [height, width, 4], red, green, blue and opacity. Older versions of TypeScript do not tell arrays by their buffers. */
  readonly data: InstanceType<typeof Uint8ClampedArray>;
}

/**
 * The map in the colours of viridis: purple for its least value, yellow for its greatest.
 * @throws PptError INVALID_INPUT
 */
export function colourDepth(depth: Pick<DepthTensor, "dims" | "data">): ColourImage {
  requireDepth("colourDepth", depth);
  const [height, width] = depth.dims;
  const colours = Array.from({ length: 256 }, (_, byte) => viridisAt(byte / 255).map(Math.round));
  const bytes = scaledDepth(depth.data, 255, new Uint8Array(depth.data.length));
  const data = new Uint8ClampedArray(4 * bytes.length).fill(255);
  for (const [i, byte] of bytes.entries()) data.set(colours[byte]!, 4 * i);
  return { width, height, channels: 4, data };
}
