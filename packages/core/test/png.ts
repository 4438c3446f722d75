/**
 * Decodes the PNG files of the fixtures: 8-bit gray, RGB or RGBA. Alpha is dropped. Interlacing and palettes are
 * unsupported.
 */
import { inflateSync } from "node:zlib";
import type { RgbImage } from "../src/io/image-processor.js";

const channelsByColorType: Readonly<Record<number, number>> = { 0: 1, 2: 3, 6: 4 };

export function decodePng(file: Uint8Array): RgbImage {
  const view = new DataView(file.buffer, file.byteOffset, file.length);
  const compressed: Uint8Array[] = [];
  for (let at = 8; at < file.length; at += 12 + view.getUint32(at)) {
    const type = String.fromCharCode(...file.subarray(at + 4, at + 8));
    if (type === "IDAT") compressed.push(file.subarray(at + 8, at + 8 + view.getUint32(at)));
  }
  // The header chunk always comes first.
  const width = view.getUint32(16);
  const height = view.getUint32(20);
  const [depth, colorType, , , interlace] = file.subarray(24, 29);
  const channels = channelsByColorType[colorType!];
  if (depth !== 8 || interlace !== 0 || !channels)
    throw new Error(`unsupported PNG: depth ${depth}, type ${colorType}`);

  const filtered = inflateSync(Buffer.concat(compressed));
  const stride = width * channels;
  let above = new Uint8Array(stride);
  const data = new Uint8Array(3 * width * height);
  for (let y = 0; y < height; y++) {
    const row = filtered.subarray(y * (stride + 1) + 1, (y + 1) * (stride + 1));
    const predict = predictors[filtered[y * (stride + 1)]!]!;
    for (let i = 0; i < stride; i++) {
      const isFirst = i < channels;
      row[i]! += predict(isFirst ? 0 : row[i - channels]!, above[i]!, isFirst ? 0 : above[i - channels]!);
    }
    for (let x = 0; x < width; x++)
      for (let c = 0; c < 3; c++) data[3 * (y * width + x) + c] = row[channels * x + (channels === 1 ? 0 : c)]!;
    above = row;
  }
  return { width, height, data };
}

/** The five filters of PNG, which predict a byte from its neighbours. */
const predictors: readonly ((left: number, above: number, aboveLeft: number) => number)[] = [
  () => 0,
  (left) => left,
  (_, above) => above,
  (left, above) => (left + above) >> 1,
  (left, above, aboveLeft) => {
    const estimate = left + above - aboveLeft;
    const [a, b, c] = [left, above, aboveLeft].map((neighbour) => Math.abs(estimate - neighbour));
    if (a! <= b! && a! <= c!) return left;
    return b! <= c! ? above : aboveLeft;
  },
];
