/** The first bytes of picture formats: those that are accepted, and names for those that are not. A format is one line. */

// biome-ignore-all lint/suspicious/noControlCharactersInRegex: signatures consist of them

/** The accepted formats, in Node and in browsers. */
export type PictureFormat = "JPEG" | "PNG" | "WebP" | "GIF" | "AVIF";

/** `.` stands for any byte. */
const readable: readonly (readonly [PictureFormat, RegExp])[] = [
  ["JPEG", /^\xff\xd8/],
  ["PNG", /^\x89PNG\r\n\x1a\n/],
  ["WebP", /^RIFF....WEBP/s],
  ["GIF", /^GIF8[79]a/],
];

/** Formats that people have instead. The first match names the file. */
const refused: readonly (readonly [name: string, RegExp])[] = [
  ["JPEG XL", /^(\xff\x0a|\0\0\0\x0cJXL )/],
  ["JPEG 2000", /^(\0\0\0\x0cjP {2}|\xff\x4f\xff\x51)/],
  ["JPEG XR", /^II\xbc/],
  ["HEIC", /^....ftyp(hei[cxms]|hev[cxms])/s],
  ["HEIF", /^....ftyp(mif[12]|msf1|miaf)/s],
  ["Canon raw", /^(....ftypcrx |II\x1a\0\0\0HEAPCCDR)/s],
  ["MPEG-4 or QuickTime video", /^....ftyp/s],
  ["BMP", /^BM/],
  ["TIFF", /^(II[*+]\0|MM\0[*+])/],
  ["ICO", /^\0\0[\x01\x02]\0/],
  ["ICNS", /^icns/],
  ["Photoshop", /^8BPS/],
  ["PDF", /^%PDF/],
  ["PostScript", /^(%!PS|\xc5\xd0\xd3\xc6)/],
  ["PNM", /^P[1-7fF]\s/],
  ["QOI", /^qoif/],
  ["DDS", /^DDS /],
  ["OpenEXR", /^v\/1\x01/],
  ["Radiance HDR", /^#\?(RADIANCE|RGBE)/],
  ["FITS", /^SIMPLE {2}=/],
  ["DICOM", /^.{128}DICM/s],
  ["GIMP", /^gimp xcf/],
  ["MNG", /^\x8a(MNG|JNG)/],
  ["AVI or another RIFF file", /^RIFF/],
  ["Matroska or WebM video", /^\x1a\x45\xdf\xa3/],
  ["gzip (SVGZ)", /^\x1f\x8b/],
  ["ZIP", /^PK\x03\x04/],
  ["Git LFS pointer", /^version https:\/\/git-lfs/],
  // Text may begin with a byte order mark, white space, comments and declarations. UTF-16 is read without its zeros.
  ["HTML", /^(\xef\xbb\xbf|\xff\xfe|\xfe\xff)?\s*<(!doctype\s+html|html|!--.*<html)/is],
  ["SVG", /^(\xef\xbb\xbf|\xff\xfe|\xfe\xff)?\s*<(svg|[!?].*<svg)[\s>:]/is],
  ["XML", /^(\xef\xbb\xbf|\xff\xfe|\xfe\xff)?\s*<\?xml/i],
];

/** Number of first bytes that are needed to name a format. */
export const signatureBytes = 4096;

/** The accepted formats, for messages. */
export const formatNames = [...readable.map(([name]) => name), "AVIF"].join(", ");

const beginning = (bytes: Uint8Array, length: number): string => String.fromCharCode(...bytes.subarray(0, length));

/** The format of a file by its first bytes; undefined if it is not accepted. */
export function readableFormat(bytes: Uint8Array): PictureFormat | undefined {
  const start = beginning(bytes, 12);
  const found = readable.find(([, signature]) => signature.test(start));
  if (found) return found[0];
  return isAvif(bytes) ? "AVIF" : undefined;
}

/** Whether a file type box names `avif` (a still) or `avis` (a sequence), first or among the compatible brands. */
function isAvif(bytes: Uint8Array): boolean {
  if (!/^....ftyp/s.test(beginning(bytes, 12))) return false;
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0);
  const box = beginning(bytes, Math.min(length, signatureBytes));
  // The four bytes from 12 are a version, and no brand.
  for (let at = 8; at + 4 <= box.length; at += at === 8 ? 8 : 4)
    if (/^avi[fs]$/.test(box.slice(at, at + 4))) return true;
  return false;
}

/** The name of a format that is not accepted; undefined if it is unknown. */
export function refusedFormat(bytes: Uint8Array): string | undefined {
  const start = beginning(bytes, signatureBytes);
  const text = /^(\xff\xfe|\xfe\xff)/.test(start) ? start.replaceAll("\0", "") : start;
  return refused.find(([, signature]) => signature.test(start) || signature.test(text))?.[0];
}
