/** What the first bytes of a picture file say, so that too large ones and animations are refused before decoding. */

export interface PictureHeader {
  readonly format: "JPEG" | "PNG" | "WebP" | "GIF" | "AVIF";
  readonly width: number;
  readonly height: number;
  readonly animated: boolean;
}

/** The formats that are read here, as in Node. */
export const formatNames = "JPEG, PNG, WebP, GIF, AVIF";

/** Undefined where the bytes are none of the formats above, or end before their size is told. */
export function readHeader(bytes: Uint8Array): PictureHeader | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const text = (at: number, length: number) => String.fromCharCode(...bytes.subarray(at, at + length));
  try {
    if (text(0, 8) === "\x89PNG\r\n\x1a\n") return readPng(view, text);
    if (text(0, 3) === "GIF") return readGif(view);
    if (text(0, 4) === "RIFF" && text(8, 4) === "WEBP") return readWebp(view, text(12, 4));
    if (view.getUint16(0) === 0xffd8) return readJpeg(view);
    if (text(4, 4) === "ftyp") return readAvif(view, text);
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
  // An animation says so before its first pixels.
  while (text(at + 4, 4) !== "acTL" && text(at + 4, 4) !== "IDAT") at += 12 + view.getUint32(at);
  return { format: "PNG", ...size, animated: text(at + 4, 4) === "acTL" && view.getUint32(at + 8) > 1 };
}

function readGif(view: DataView): PictureHeader {
  const colourTable = (flags: number) => (flags & 0x80 ? 3 << ((flags & 7) + 1) : 0);
  let at = 13 + colourTable(view.getUint8(10));
  let frames = 0;
  const passSubBlocks = () => {
    while (view.getUint8(at) !== 0) at += 1 + view.getUint8(at);
    at++;
  };
  // A file that is cut off in its first frame is for the decoder to refuse.
  while (frames < 2 && at < view.byteLength && view.getUint8(at) !== 0x3b) {
    const isFrame = view.getUint8(at) === 0x2c;
    if (isFrame) frames++;
    if (frames === 2) break;
    at += isFrame ? 11 + colourTable(view.getUint8(at + 9)) : 2;
    passSubBlocks();
  }
  return { format: "GIF", width: view.getUint16(6, true), height: view.getUint16(8, true), animated: frames > 1 };
}

function readWebp(view: DataView, chunk: string): PictureHeader | undefined {
  const format = "WebP";
  const uint24 = (at: number) => view.getUint16(at, true) | (view.getUint8(at + 2) << 16);
  if (chunk === "VP8X")
    return { format, width: uint24(24) + 1, height: uint24(27) + 1, animated: (view.getUint8(20) & 2) !== 0 };
  if (chunk === "VP8L") {
    const bits = view.getUint32(21, true);
    return { format, width: (bits & 0x3fff) + 1, height: ((bits >> 14) & 0x3fff) + 1, animated: false };
  }
  const side = (at: number) => view.getUint16(at, true) & 0x3fff;
  return chunk === "VP8 " ? { format, width: side(26), height: side(28), animated: false } : undefined;
}

function readJpeg(view: DataView): PictureHeader {
  let at = 2;
  for (;;) {
    const marker = view.getUint16(at);
    // Start of frame, of any kind; C4, C8 and CC are tables.
    if (marker >= 0xffc0 && marker <= 0xffcf && ![0xffc4, 0xffc8, 0xffcc].includes(marker))
      return { format: "JPEG", width: view.getUint16(at + 7), height: view.getUint16(at + 5), animated: false };
    // Segments may be filled up with FF; restart markers and the like have no length.
    if (marker === 0xffff) at += 1;
    else if (marker >= 0xffd0 && marker <= 0xffd9) at += 2;
    else at += 2 + view.getUint16(at + 2);
  }
}

function readAvif(view: DataView, text: ReadText): PictureHeader | undefined {
  const end = view.getUint32(0);
  const brands = Array.from({ length: Math.max(0, (end - 8) >> 2) }, (_, i) => text(8 + 4 * i, 4));
  if (!brands.includes("avif") && !brands.includes("avis")) return undefined;
  let [width, height] = [0, 0];
  // The size of every image item is an `ispe` box within `meta`; the picture is the largest of them.
  const boxes = text(end, Math.min(view.byteLength - end, 4096));
  for (let found = boxes.indexOf("ispe"); found >= 0; found = boxes.indexOf("ispe", found + 4)) {
    width = Math.max(width, view.getUint32(end + found + 8));
    height = Math.max(height, view.getUint32(end + found + 12));
  }
  return width && height ? { format: "AVIF", width, height, animated: brands[0] === "avis" } : undefined;
}
