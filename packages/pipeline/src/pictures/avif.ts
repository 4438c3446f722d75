/** AVIF files: the size of the picture, and sequences as still images. */

export interface AvifHeader {
  readonly width: number;
  readonly height: number;
  /** Whether the first brand is that of a sequence. */
  readonly animated: boolean;
  /** Number of image items, including masks and tiles. */
  readonly items: number;
}

interface Box {
  readonly type: string;
  /** Offsets of its content. */
  readonly start: number;
  readonly end: number;
}

/**
 * Reads size and kind from the boxes of the still image. The largest size of all items counts, because decoding the picture
 * decodes its tiles and masks as well. Undefined if the file has no still image.
 * @throws RangeError if the file ends within a box
 */
export function avifHeader(bytes: Uint8Array): AvifHeader | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const meta = find(view, { start: 0, end: bytes.length }, "meta", 0);
  if (!meta || !find(view, meta, "pitm", 4)) return undefined;
  const properties = find(view, meta, "iprp", 4);
  const container = properties && find(view, properties, "ipco", 0);
  const information = find(view, meta, "iinf", 4);
  if (!container || !information) return undefined;
  let [width, height, items] = [0, 0, 0];
  for (const { type, start } of boxes(view, container, 0))
    if (type === "ispe") {
      width = Math.max(width, view.getUint32(start + 4));
      height = Math.max(height, view.getUint32(start + 8));
    }
  const counted = view.getUint8(information.start) === 0 ? 6 : 8;
  for (const { type, start } of boxes(view, information, counted))
    if (type === "infe" && ["av01", "grid", "iovl", "iden"].includes(typeAt(view, start + 8))) items++;
  return width && height ? { width, height, animated: typeAt(view, 8) === "avis", items } : undefined;
}

/**
 * The file with `avif` as its first brand. Some decoders refuse a file whose first brand is that of a sequence (`avis`) or of
 * a wider format (`mif1`). The still image is the first frame.
 */
export function asStill(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const still = Uint8Array.from(bytes);
  still.set([0x61, 0x76, 0x69, 0x66], 8);
  return still;
}

const typeAt = (view: DataView, at: number): string => {
  const code = view.getUint32(at);
  return String.fromCharCode(code >>> 24, (code >> 16) & 255, (code >> 8) & 255, code & 255);
};

const find = (view: DataView, box: Pick<Box, "start" | "end">, type: string, skipped: number): Box | undefined =>
  boxes(view, box, skipped).find((inner) => inner.type === type);

/** The boxes within a box, after the first `skipped` bytes of its content. @throws RangeError */
function boxes(view: DataView, { start, end }: Pick<Box, "start" | "end">, skipped: number): Box[] {
  const found: Box[] = [];
  for (let at = start + skipped; at + 8 <= end; ) {
    const short = view.getUint32(at);
    // 1: the length follows in 64 bits. 0: the box ends with the box around it.
    const length = short === 1 ? Number(view.getBigUint64(at + 8)) : short === 0 ? end - at : short;
    const header = short === 1 ? 16 : 8;
    // A length below that of the header is invalid.
    if (length < header) break;
    found.push({ type: typeAt(view, at + 4), start: at + header, end: Math.min(end, at + length) });
    at += length;
  }
  return found;
}
