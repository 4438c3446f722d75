/** Pictures of every kind that a page may be given, good and bad. */
import { readFileSync } from "node:fs";
import sharp from "sharp";
import { dog } from "../built.js";

/** A picture of smooth colours with an edge, `width` x `height`. */
function picture(width: number, height: number, channels: 3 | 4 = 3) {
  const data = new Uint8Array(width * height * channels);
  for (let i = 0; i < width * height; i++) {
    const [x, y] = [i % width, Math.floor(i / width)];
    data.set([(200 * x) / width, (200 * y) / height, x > width / 2 ? 220 : 30], channels * i);
    if (channels === 4) data[4 * i + 3] = x < width / 3 ? 0 : x < width / 2 ? 77 : 255;
  }
  return sharp(data, { raw: { width, height, channels } });
}

/** File names and their bytes. */
export async function pictures(): Promise<Record<string, Uint8Array>> {
  const twoFrames = sharp(new Uint8Array(4 * 8 * 3).fill(9, 48), {
    raw: { width: 4, height: 8, channels: 3, pageHeight: 4 },
  });
  return {
    "dog.png": readFileSync(dog),
    "small.png": await picture(61, 47).png().toBuffer(),
    "tall.png": await picture(33, 1100).png().toBuffer(),
    "clear.png": await picture(90, 60, 4).png().toBuffer(),
    "clear.webp": await picture(90, 60, 4).webp({ lossless: true, exact: true }).toBuffer(),
    "lossless.webp": await picture(61, 47).webp({ lossless: true }).toBuffer(),
    "grey.png": await picture(20, 20).greyscale().png().toBuffer(),
    "photo.jpg": await picture(160, 120).jpeg({ quality: 90 }).toBuffer(),
    "turned.jpg": await picture(64, 48).withMetadata({ orientation: 6 }).jpeg({ quality: 95 }).toBuffer(),
    "lossy.webp": await picture(64, 48).webp({ quality: 90 }).toBuffer(),
    "picture.avif": await picture(64, 48).avif({ lossless: true }).toBuffer(),
    "still.gif": await picture(40, 30).gif().toBuffer(),
    "moving.gif": await twoFrames.clone().gif().toBuffer(),
    "moving.webp": await twoFrames.clone().webp().toBuffer(),
    "text.png": new TextEncoder().encode("this is no picture"),
    "empty.png": new Uint8Array(0),
    "cut.png": readFileSync(dog).subarray(0, 40_000),
    "huge.png": Uint8Array.from(readFileSync(dog)).fill(1, 17, 20).fill(1, 21, 24),
  };
}
