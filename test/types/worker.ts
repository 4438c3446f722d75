/** What a worker has too: pictures of its own, and no elements. */
import type { ImageClassifier } from "@ppt-vit/pipeline/browser";
import { fromPretrained } from "@ppt-vit/pipeline/browser";

export const classifyPictures = (
  classifier: ImageClassifier,
  pictures: [ImageBitmap, OffscreenCanvas, VideoFrame, ImageData, Blob, Uint8Array],
) => pictures.map((picture) => classifier.classify(picture));

export const fromFolder = (folder: FileSystemDirectoryHandle) => fromPretrained(folder);

export function mistakes(classifier: ImageClassifier) {
  // @ts-expect-error not a picture
  return classifier.classify({ width: 3, height: 4 });
}
