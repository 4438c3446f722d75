/** Files of a token view: all stages side by side with captions and legend, as the paper shows them. */
import { tokenSheet } from "@ppt-vit/pipeline/browser";
import { element } from "../dom.js";
import type { Traced } from "./drawing.js";

/** Offers a file for saving. */
export function save(blob: Blob, name: string): void {
  const link = element("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

/** The sheet as an SVG file, with the picture in it. */
export async function sheetFile({ file, ...traced }: Traced, name: string): Promise<Blob> {
  const href = await dataAddress(file);
  return new Blob([tokenSheet([{ ...traced, name, href }], { scores: true })], { type: "image/svg+xml" });
}

/** The same as pixels, twice as fine. */
export async function sheetPixels(traced: Traced, name: string): Promise<Blob> {
  const address = URL.createObjectURL(await sheetFile(traced, name));
  try {
    const image = element("img", { src: address, alt: "" });
    await image.decode();
    const canvas = element("canvas", { width: 2 * image.naturalWidth, height: 2 * image.naturalHeight });
    const context = canvas.getContext("2d")!;
    context.drawImage(image, 0, 0, canvas.width, canvas.height);
    return await pixelsOf(canvas);
  } finally {
    URL.revokeObjectURL(address);
  }
}

/** A canvas as a PNG file. */
export const pixelsOf = (canvas: HTMLCanvasElement): Promise<Blob> =>
  new Promise((resolve, reject) =>
    canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("the browser made no picture of it")))),
  );

export const dataAddress = (blob: Blob): Promise<string> =>
  new Promise<string>((resolve, reject) => {
    const reader = new FileReader();
    reader.addEventListener("load", () => resolve(String(reader.result)));
    reader.addEventListener("error", () => reject(reader.error));
    reader.readAsDataURL(blob);
  });
