/** The code of a decoding thread: turns pictures into the model's input, one after the other. */
import { parentPort, workerData } from "node:worker_threads";
import { type ImageProcessorConfig, isPptError, PptError, processImage } from "@ppt-vit/core";
import { type DecodeOptions, openPicture } from "@ppt-vit/pipeline";
import { byteBudget } from "./decode-budget.js";

export interface DecodeWorkerData {
  readonly preprocessing: ImageProcessorConfig;
  /** Height and width of the model's input, in pixels. */
  readonly imageSize: readonly [number, number];
  readonly options: DecodeOptions;
  /** The bytes of pixels that all threads may hold together, and the shared memory in which they count them. */
  readonly budget: { readonly memory: SharedArrayBuffer; readonly most: number };
}

export interface DecodeRequest {
  readonly id: number;
  readonly path: string;
}

/** The model's input [3, H, W], or what is wrong with the picture. */
export type Decoded = { readonly pixels: Float32Array } | { readonly code: string; readonly message: string };

export type DecodeReply = { readonly id: number } & Decoded;

const { preprocessing, imageSize, options, budget } = workerData as DecodeWorkerData;
const { take, give } = byteBudget(budget.memory, budget.most);

async function decode(path: string): Promise<Decoded> {
  try {
    const picture = await openPicture(path, options);
    take(picture.decodedBytes + picture.workingBytes);
    const { shape, data } = await picture
      .decode()
      .then((image) => processImage(image, preprocessing))
      .finally(() => give(picture.decodedBytes + picture.workingBytes));
    const [, , height, width] = shape;
    if (height !== imageSize[0] || width !== imageSize[1])
      throw new PptError(
        "INVALID_IMAGE",
        `${path}: becomes ${height} x ${width} pixels, the model takes ${imageSize.join(" x ")}`,
      );
    return { pixels: data };
  } catch (error) {
    if (!isPptError(error)) throw error;
    return { code: error.code, message: error.message };
  }
}

let last: Promise<unknown> = Promise.resolve();
parentPort!.on("message", ({ id, path }: DecodeRequest) => {
  last = last.then(async () => {
    const decoded = await decode(path);
    const transfer = "pixels" in decoded ? [decoded.pixels.buffer as ArrayBuffer] : [];
    parentPort!.postMessage({ id, ...decoded } satisfies DecodeReply, transfer);
  });
});
