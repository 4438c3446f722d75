/** EXIF's orientation, which browsers do not apply to every format. */
import type { RgbImage } from "@ppt-vit/core";

/** EXIF's number for how a picture is stored: 1 upright, 2 to 8 mirrored or turned. */
export type Orientation = 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8;

const orientationTag = 0x112;

/** The orientation in a WebP file; 1 if it has none. */
export function webpOrientation(bytes: Uint8Array): Orientation {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let at = 12; at + 8 <= bytes.length; ) {
    const length = view.getUint32(at + 4, true);
    if (view.getUint32(at) === 0x45584946) return exifOrientation(bytes.subarray(at + 8, at + 8 + length)); // EXIF
    at += 8 + length + (length & 1);
  }
  return 1;
}

/** The orientation in EXIF data, with or without JPEG's prefix; 1 if there is none, or the data are broken. */
function exifOrientation(data: Uint8Array): Orientation {
  const named = String.fromCharCode(...data.subarray(0, 6)) === "Exif\0\0";
  const exif = named ? data.subarray(6) : data;
  const view = new DataView(exif.buffer, exif.byteOffset, exif.length);
  try {
    const little = view.getUint16(0) === 0x4949;
    const directory = view.getUint32(4, little);
    const count = view.getUint16(directory, little);
    for (let i = 0; i < count; i++) {
      const entry = directory + 2 + 12 * i;
      if (view.getUint16(entry, little) !== orientationTag) continue;
      const value = view.getUint16(entry + 8, little);
      return value >= 1 && value <= 8 ? (value as Orientation) : 1;
    }
  } catch (error) {
    // DataView refuses to read past the end.
    if (!(error instanceof RangeError)) throw error;
  }
  return 1;
}

/** The picture upright. With 5 to 8, rows are stored as columns. */
export function turned(image: RgbImage, orientation: Orientation): RgbImage {
  if (orientation === 1) return image;
  const { width: w, height: h, data: from } = image;
  const swapped = orientation >= 5;
  const [width, height] = swapped ? [h, w] : [w, h];
  const data = new Uint8Array(from.length);
  const mirroredX = [2, 3, 7, 8].includes(orientation);
  const mirroredY = [3, 4, 6, 7].includes(orientation);
  let to = 0;
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      // Column and row of the stored picture.
      const [u, v] = swapped ? [y, x] : [x, y];
      const at = 3 * ((mirroredY ? h - 1 - v : v) * w + (mirroredX ? w - 1 - u : u));
      data[to++] = from[at]!;
      data[to++] = from[at + 1]!;
      data[to++] = from[at + 2]!;
    }
  return { width, height, data };
}
