/**
 * The first frame of a GIF as Pillow shows it, with any decoder. Decoders drop the colour under the transparent index. They
 * disagree about the surroundings of a frame that is smaller than the screen, and about indices beyond the palette. So the
 * frame is decoded as a GIF of its own, without transparency, and put on its screen afterwards.
 */
import type { RgbImage } from "@ppt-vit/core";

export interface GifFrame {
  /** Size of the screen, which grows if the frame reaches over its edge. */
  readonly width: number;
  readonly height: number;
  /** Whether more frames follow. */
  readonly animated: boolean;
  /** Position and size of the frame on the screen. */
  readonly left: number;
  readonly top: number;
  readonly frameWidth: number;
  readonly frameHeight: number;
  /** Colour of the screen around the frame. */
  readonly background: readonly [number, number, number];
  /** Whether the data yield all pixels of the frame. */
  complete(): boolean;
  /** A GIF of the frame alone: opaque, with a palette of 256 colours. */
  file(): Uint8Array<ArrayBuffer>;
}

const imageSeparator = 0x2c;
const extensionIntroducer = 0x21;
const trailer = 0x3b;
const graphicControl = 0xf9;

/** Undefined if there is no frame, or one without pixels. @throws RangeError if the file ends before the frame's pixels */
export function gifFrame(bytes: Uint8Array): GifFrame | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let at = 13;
  const takePalette = (flags: number): Uint8Array | undefined => {
    if (!(flags & 0x80)) return undefined;
    const length = 3 << ((flags & 7) + 1);
    if (at + length > bytes.length) throw new RangeError("the file ends in its palette");
    at += length;
    return bytes.subarray(at - length, at);
  };
  const globalPalette = takePalette(view.getUint8(10));

  let transparent: number | undefined;
  while (at < bytes.length && bytes[at] !== imageSeparator) {
    const byte = bytes[at++];
    if (byte === trailer) return undefined;
    // Other bytes between blocks are skipped.
    if (byte !== extensionIntroducer) continue;
    // A control block without transparency keeps the index of an earlier one.
    if (view.getUint8(at) === graphicControl && view.getUint8(at + 1) >= 4 && view.getUint8(at + 2) & 1)
      transparent = view.getUint8(at + 5);
    at = endOfBlocks(bytes, at + 1);
  }
  const descriptor = at + 1;
  const [left, top] = [view.getUint16(descriptor, true), view.getUint16(descriptor + 2, true)];
  const [frameWidth, frameHeight] = [view.getUint16(descriptor + 4, true), view.getUint16(descriptor + 6, true)];
  if (frameWidth === 0 || frameHeight === 0) return undefined;
  const flags = view.getUint8(descriptor + 8);
  at = descriptor + 9;
  const colours = palette(takePalette(flags) ?? globalPalette);
  const start = at;
  const end = endOfBlocks(bytes, start + 1);
  const background = 3 * (transparent ?? 0);

  return {
    width: Math.max(view.getUint16(6, true), left + frameWidth),
    height: Math.max(view.getUint16(8, true), top + frameHeight),
    animated: hasFrame(bytes, end),
    left,
    top,
    frameWidth,
    frameHeight,
    background: [colours[background]!, colours[background + 1]!, colours[background + 2]!],
    complete: () => lzwLength(bytes.subarray(start, end), frameWidth * frameHeight) === frameWidth * frameHeight,
    file: () => fileOf(frameWidth, frameHeight, colours, (flags & 0x40) !== 0, bytes.subarray(start, end)),
  };
}

/** 256 colours: the file's, followed by black. If the file has no palette, or only greys in their order, all are greys. */
function palette(given: Uint8Array | undefined): Uint8Array {
  const greys = Uint8Array.from({ length: 768 }, (_, i) => Math.floor(i / 3));
  if (!given || given.every((value, i) => value === greys[i])) return greys;
  const colours = new Uint8Array(768);
  colours.set(given);
  return colours;
}

/** The offset after the blocks that begin at `at` and the empty block that ends them; at most the end of the file. */
function endOfBlocks(bytes: Uint8Array, at: number): number {
  let end = at;
  while (end < bytes.length && bytes[end] !== 0) end += 1 + bytes[end]!;
  return Math.min(end + 1, bytes.length);
}

/** Whether a frame begins at `at`, or after extensions there. */
function hasFrame(bytes: Uint8Array, at: number): boolean {
  while (at < bytes.length) {
    const byte = bytes[at++];
    if (byte === imageSeparator) return at + 9 < bytes.length;
    if (byte === trailer) return false;
    if (byte === extensionIntroducer) at = endOfBlocks(bytes, at + 1);
  }
  return false;
}

/**
 * The number of pixels in LZW data, counted up to `wanted`. Only the lengths of the strings are tracked, so a file that
 * promises more pixels than it holds is refused before memory is allocated.
 */
function lzwLength(data: Uint8Array, wanted: number): number {
  const codeBits = data[0]!;
  if (codeBits > 11) return 0;
  const [clear, end] = [1 << codeBits, (1 << codeBits) + 1];
  const lengths = new Uint16Array(4096).fill(1, 0, clear);
  let [next, width, previous] = [end + 1, codeBits + 1, 0];
  let [bits, have, pixels] = [0, 0, 0];
  for (let block = 1; block < data.length && data[block] !== 0; block += 1 + data[block]!) {
    const blockEnd = Math.min(data.length, block + 1 + data[block]!);
    for (let at = block + 1; at < blockEnd; at++) {
      bits |= data[at]! << have;
      have += 8;
      while (have >= width) {
        const code = bits & ((1 << width) - 1);
        bits >>>= width;
        have -= width;
        if (code === end) return pixels;
        if (code === clear) {
          [next, width, previous] = [end + 1, codeBits + 1, 0];
          continue;
        }
        // A code may name the entry that is just being made: the previous string and one pixel.
        const isNew = code === next && previous > 0 && next < 4096;
        if (!isNew && (code >= next || lengths[code] === 0)) return pixels;
        const length = isNew ? previous + 1 : lengths[code]!;
        if (previous > 0 && next < 4096) {
          lengths[next++] = previous + 1;
          if (next === 1 << width && width < 12) width++;
        }
        previous = length;
        pixels += length;
        if (pixels >= wanted) return wanted;
      }
    }
  }
  return pixels;
}

function fileOf(
  width: number,
  height: number,
  colours: Uint8Array,
  interlaced: boolean,
  data: Uint8Array,
): Uint8Array<ArrayBuffer> {
  const file = new Uint8Array(13 + 768 + 10 + data.length + 2);
  const view = new DataView(file.buffer);
  file.set([0x47, 0x49, 0x46, 0x38, 0x39, 0x61]); // GIF89a
  view.setUint16(6, width, true);
  view.setUint16(8, height, true);
  file[10] = 0xf7; // 256 colours
  file.set(colours, 13);
  const descriptor = 13 + 768;
  file[descriptor] = imageSeparator;
  view.setUint16(descriptor + 5, width, true);
  view.setUint16(descriptor + 7, height, true);
  file[descriptor + 9] = interlaced ? 0x40 : 0;
  file.set(data, descriptor + 10);
  // The zero before the trailer ends the blocks of a file that was cut off.
  file[file.length - 1] = trailer;
  return file;
}

/** Puts the decoded frame on its screen. */
export function onScreen(image: RgbImage, { width, height, left, top, background }: GifFrame): RgbImage {
  if (image.width === width && image.height === height) return image;
  const data = new Uint8Array(3 * width * height);
  if (data.length > 0) data.set(background);
  for (let filled = 3; filled < data.length; filled *= 2) data.copyWithin(filled, 0, filled);
  const row = 3 * image.width;
  for (let y = 0; y < image.height; y++)
    data.set(image.data.subarray(y * row, (y + 1) * row), 3 * ((top + y) * width + left));
  return { width, height, data };
}
