/** AVIF files: the size of what is decoded, and sequences as the stills that they also are. */

export interface AvifHeader {
  readonly width: number;
  readonly height: number;
  /** A sequence, by its first brand. */
  readonly animated: boolean;
  /** Image items, with masks and tiles. */
  readonly items: number;
}

interface Box {
  readonly type: string;
  /** Where its content begins and ends. */
  readonly start: number;
  readonly end: number;
}

/**
 * Size and kind by the boxes of the still image. Of several items the largest size counts: it is the picture's, or that of
 * the tiles and masks that are decoded for it. Undefined where the file has no still image.
 * @throws RangeError where the file ends within a box
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
 * The file with `avif` as its first brand, since not every decoder looks into a file that calls itself a sequence (`avis`)
 * or something wider (`mif1`). What it decodes is the still image, which is the first frame.
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

/** The boxes within a box, behind as many bytes of its content as are `skipped`. @throws RangeError */
function boxes(view: DataView, { start, end }: Pick<Box, "start" | "end">, skipped: number): Box[] {
  const found: Box[] = [];
  for (let at = start + skipped; at + 8 <= end; ) {
    const short = view.getUint32(at);
    // 1: the length follows in 64 bits. 0: up to the end of what is around it.
    const length = short === 1 ? Number(view.getBigUint64(at + 8)) : short === 0 ? end - at : short;
    const header = short === 1 ? 16 : 8;
    // A length that leads nowhere ends the walk.
    if (length < header) break;
    found.push({ type: typeAt(view, at + 4), start: at + header, end: Math.min(end, at + length) });
    at += length;
  }
  return found;
}
