/** What only a page has: elements as pictures, and the files of an input. */
import type { ImageClassifier } from "@ppt-vit/pipeline/browser";
import { fromPretrained } from "@ppt-vit/pipeline/browser";

export const classifyElements = (
  classifier: ImageClassifier,
  pictures: [HTMLImageElement, HTMLVideoElement, HTMLCanvasElement, ImageBitmap, OffscreenCanvas, ImageData],
) => pictures.map((picture) => classifier.classify(picture));

export const fromInput = (input: HTMLInputElement, folder: FileSystemDirectoryHandle) =>
  Promise.all([fromPretrained(input.files!), fromPretrained(folder)]);

export function mistakes(classifier: ImageClassifier, element: HTMLDivElement) {
  // @ts-expect-error not a picture
  return classifier.classify(element);
}
