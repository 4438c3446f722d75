import type { RgbImage } from "../src/io/image-processor.js";

/** An image with bytes `byteAt(x, y, channel)`. */
export function draw(
  width: number,
  height: number,
  byteAt: (x: number, y: number, channel: number) => number,
): RgbImage {
  const data = Uint8Array.from({ length: 3 * width * height }, (_, i) =>
    byteAt(Math.floor(i / 3) % width, Math.floor(i / 3 / width), i % 3),
  );
  return { width, height, data };
}
