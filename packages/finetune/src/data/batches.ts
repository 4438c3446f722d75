/** Batches of pictures, read ahead of their use. */
import { setImmediate } from "node:timers/promises";
import { isPptError, type PptError } from "@ppt-vit/core";
import type { Version } from "./picture.js";
import type { PictureReader } from "./reader.js";

/** A picture of a batch, with what belongs to it. */
export interface Place extends Version {
  /** Its place in the data set. */
  readonly index: number;
}

export interface Batch {
  /** The pictures that could be read. */
  readonly places: readonly Place[];
  /** [B, 3, H, W] */
  readonly pixels: Float32Array;
}

/** How many batches are read ahead. */
const ahead = 2;

/** Reads lists of pictures in their order. A picture that cannot be read is left out of its batch, and reported each time. */
export async function* readBatches(
  reader: PictureReader,
  lists: Iterable<readonly Place[]>,
  onFailure: (place: Place, error: PptError) => void,
): AsyncGenerator<Batch> {
  const source = lists[Symbol.iterator]();
  const started: Promise<Batch>[] = [];
  const start = () => {
    const { value, done } = source.next();
    if (done) return;
    const batch = readBatch(reader, value, onFailure);
    // A failure is reported where the batch is awaited.
    batch.catch(() => {});
    started.push(batch);
  };
  for (let i = 0; i < ahead; i++) start();
  for (let batch = started.shift(); batch !== undefined; batch = started.shift()) {
    const ready = await batch;
    start();
    // Node may deliver a thousand messages of threads in one turn, with all that awaits them: signals and timers would wait for minutes.
    await setImmediate();
    yield ready;
  }
}

async function readBatch(
  reader: PictureReader,
  places: readonly Place[],
  onFailure: (place: Place, error: PptError) => void,
): Promise<Batch> {
  const read = await Promise.all(
    places.map(async (place) => {
      try {
        return { place, pixels: await reader.read(place) };
      } catch (error) {
        if (!isPptError(error)) throw error;
        onFailure(place, error);
        return undefined;
      }
    }),
  );
  const found = read.filter((each) => each !== undefined);
  const length = found[0]?.pixels.length ?? 0;
  const pixels = new Float32Array(found.length * length);
  for (const [i, each] of found.entries()) pixels.set(each.pixels, i * length);
  return { places: found.map(({ place }) => place), pixels };
}

/** Lists of at most `size` entries. */
export function inBatches<T>(list: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(list.length / size) }, (_, i) => list.slice(i * size, (i + 1) * size));
}
