/** The code of a thread that reads pictures, one after the other. */
import { parentPort, workerData } from "node:worker_threads";
import { isPptError } from "@ppt-vit/core";
import { type Reading, readVersion, type Version } from "./picture.js";

export type ThreadRequest = { readonly id: number } & Version;

/** The model's input, or what is wrong with the picture. */
export type ThreadReply = { readonly id: number } & (
  | { readonly pixels: Float32Array }
  | { readonly code: string; readonly message: string }
);

let last: Promise<unknown> = Promise.resolve();
parentPort?.on("message", ({ id, ...version }: ThreadRequest) => {
  last = last.then(async () => {
    try {
      const pixels = await readVersion(version, workerData as Reading);
      const own = pixels.byteLength === pixels.buffer.byteLength ? pixels : pixels.slice();
      parentPort!.postMessage({ id, pixels: own } satisfies ThreadReply, [own.buffer as ArrayBuffer]);
    } catch (error) {
      if (!isPptError(error)) throw error;
      parentPort!.postMessage({ id, code: error.code, message: error.message } satisfies ThreadReply);
    }
  });
});
