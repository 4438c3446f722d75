/** What functions take in a page or worker, besides options: checkpoints and pictures. */
import { check, checkArgument, text } from "@ppt-vit/core/options";
import { storeCheck } from "../checkpoint/options.js";

const isFile = (value: unknown): boolean => value instanceof Blob && "name" in value;

/** Files of a folder, also as a `FileList`. An iterator can be gone through only once, so its items are not looked at. */
function holdsFiles(value: object): boolean {
  if (!(Symbol.iterator in value) || ArrayBuffer.isView(value)) return false;
  const files = value as Iterable<unknown>;
  const iterator: unknown = files[Symbol.iterator]();
  return iterator === files || Array.from(files).every(isFile);
}

const sourceCheck = check(
  "an id of the Hub, an address, the files or the handle of a folder, or a store { name, read }",
  (value) => {
    if (text.holds(value) || value instanceof URL || storeCheck.holds(value)) return true;
    if (Array.isArray(value)) return value.length > 0 && value.every(isFile);
    if (typeof value !== "object" || value === null) return false;
    const { kind, folder, blobs } = value as { kind?: unknown; folder?: unknown; blobs?: unknown };
    return kind === "directory" || (text.holds(folder) && blobs instanceof Map) || holdsFiles(value);
  },
);

/** @throws PptError INVALID_INPUT */
export const requireSource = (where: string, source: unknown): void =>
  checkArgument(where, "source", source, sourceCheck);

/** Classes of pictures by name: which of them exist differs between pages, workers and browsers. */
const pictureClasses = [
  "URL",
  "Blob",
  "Uint8Array",
  "ImageData",
  "ImageBitmap",
  "OffscreenCanvas",
  "VideoFrame",
  "HTMLCanvasElement",
  "HTMLImageElement",
  "HTMLVideoElement",
];

const pictureCheck = check(
  "an address, a File or Blob, the bytes of a picture as a Uint8Array, ImageData, an image, a canvas, a video or a bitmap",
  (value) =>
    text.holds(value) ||
    pictureClasses.some((name) => {
      const Class: unknown = (globalThis as Record<string, unknown>)[name];
      return typeof Class === "function" && value instanceof Class;
    }),
);

/** @throws PptError INVALID_INPUT */
export const requirePicture = (input: unknown): void => checkArgument("picture", "input", input, pictureCheck);
