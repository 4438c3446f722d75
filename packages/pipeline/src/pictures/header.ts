/** The headers of picture files. They tell size and animation, so that pictures are refused before they are decoded. */
import { counted } from "@ppt-vit/core/options";
import { ofAvif, ofGif } from "./rare.js";
import { type PictureFormat, readableFormat } from "./signatures.js";

export interface PictureHeader {
  readonly format: PictureFormat;
  /** Pixels as stored, before EXIF's orientation is applied. */
  readonly width: number;
  readonly height: number;
  readonly animated: boolean;
  /** Whether the first row needs the whole file: interlaced PNG, progressive JPEG. */
  readonly staged?: boolean;
  /** Colour components of a JPEG: 4 are inks (CMYK, YCCK). */
  readonly components?: number;
  /** Number of image items in an AVIF file, including masks and tiles. */
  readonly items?: number;
  /** Why the file cannot hold the pixels of its header, if that is known without decoding. */
  readonly broken?: string;
}

/** Undefined for another format, or if the bytes end before the size. */
export async function readHeader(bytes: Uint8Array): Promise<PictureHeader | undefined> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const text = (at: number, length: number) => String.fromCharCode(...bytes.subarray(at, at + length));
  try {
    switch (readableFormat(bytes)) {
      case "PNG":
        return readPng(view, text);
      case "GIF":
        return await readGif(bytes);
      case "WebP":
        return readWebp(view, text(12, 4));
      case "JPEG":
        return readJpeg(view);
      case "AVIF": {
        const { avifHeader } = await ofAvif();
        const header = avifHeader(bytes);
        return header && { format: "AVIF", ...header };
      }
    }
  } catch (error) {
    // DataView refuses to read past the end: the file is cut off.
    if (!(error instanceof RangeError)) throw error;
  }
  return undefined;
}

type ReadText = (at: number, length: number) => string;

function readPng(view: DataView, text: ReadText): PictureHeader {
  const size = { width: view.getUint32(16), height: view.getUint32(20) };
  let at = 8;
  // The chunk of an animation comes before the first pixels.
  while (text(at + 4, 4) !== "acTL" && text(at + 4, 4) !== "IDAT") at += 12 + view.getUint32(at);
  const animated = text(at + 4, 4) === "acTL" && view.getUint32(at + 8) > 1;
  return { format: "PNG", ...size, animated, ...(view.getUint8(28) === 1 && { staged: true }) };
}

async function readGif(bytes: Uint8Array): Promise<PictureHeader | undefined> {
  const { gifFrame } = await ofGif();
  const frame = gifFrame(bytes);
  if (!frame) return undefined;
  const { width, height, animated } = frame;
  return { format: "GIF", width, height, animated, ...(!frame.complete() && { broken: "it is cut off or broken" }) };
}

/** ANMF, as a number. */
const animationFrame = 0x414e4d46;

/** Number of frames, counted up to two: one frame alone is a still. */
function framesOfWebp(view: DataView): number {
  let frames = 0;
  for (let at = 12; frames < 2 && at + 8 <= view.byteLength; ) {
    if (view.getUint32(at) === animationFrame) frames++;
    // Chunks are padded to an even length.
    at += 8 + 2 * Math.ceil(view.getUint32(at + 4, true) / 2);
  }
  return frames;
}

function readWebp(view: DataView, chunk: string): PictureHeader | undefined {
  const format = "WebP";
  const uint24 = (at: number) => view.getUint16(at, true) | (view.getUint8(at + 2) << 16);
  if (chunk === "VP8X") {
    const animated = (view.getUint8(20) & 2) !== 0 && framesOfWebp(view) > 1;
    return { format, width: uint24(24) + 1, height: uint24(27) + 1, animated };
  }
  if (chunk === "VP8L") {
    const bits = view.getUint32(21, true);
    return { format, width: (bits & 0x3fff) + 1, height: ((bits >> 14) & 0x3fff) + 1, animated: false };
  }
  const side = (at: number) => view.getUint16(at, true) & 0x3fff;
  return chunk === "VP8 " ? { format, width: side(26), height: side(28), animated: false } : undefined;
}

/**
 * The most pixels per byte of a JPEG. Each block of 8 x 8 values takes at least one bit, which allows 512 pixels per byte;
 * 4 times as many if no component has full resolution in both directions.
 */
const mostPixelsPerByte = 2048;

/** Start of a progressive frame, alone or among several, in Huffman or arithmetic coding. */
const progressive: ReadonlySet<number> = new Set([0xffc2, 0xffc6, 0xffca, 0xffce]);

function readJpeg(view: DataView): PictureHeader {
  let at = 2;
  for (;;) {
    const marker = view.getUint16(at);
    // Start of frame, of any kind; C4, C8 and CC are tables.
    if (marker >= 0xffc0 && marker <= 0xffcf && ![0xffc4, 0xffc8, 0xffcc].includes(marker)) {
      const [width, height] = [view.getUint16(at + 7), view.getUint16(at + 5)];
      const isHuffman = marker < 0xffc8;
      const broken = isHuffman && width * height > mostPixelsPerByte * view.byteLength;
      return {
        format: "JPEG",
        width,
        height,
        animated: false,
        components: view.getUint8(at + 9),
        ...(progressive.has(marker) && { staged: true }),
        ...(broken && {
          broken: `${counted(view.byteLength, "byte is", "bytes are")} too few for ${width} x ${height} pixels`,
        }),
      };
    }
    // Decoders skip bytes between segments. FF may be padding; restart markers and the like have no length.
    if (marker < 0xff01 || marker === 0xffff) at += 1;
    else if (marker >= 0xffd0 && marker <= 0xffd9) at += 2;
    else at += 2 + view.getUint16(at + 2);
  }
}
