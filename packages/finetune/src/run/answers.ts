/** Runs models over lists of pictures. */
import type { PptError } from "@ppt-vit/core";
import { inBatches, type Place, readBatches } from "../data/batches.js";
import type { PictureReader } from "../data/reader.js";
import type { Trainer } from "../trainer.js";

export interface AnswerOptions {
  readonly reader: PictureReader;
  readonly batch: number;
  readonly onFailure: (place: Place, error: PptError) => void;
  readonly signal?: AbortSignal | undefined;
}

/** The answers to pictures, by their place in the list. A picture that cannot be read has none. @throws the signal's reason */
export async function answersTo(
  model: Pick<Trainer, "answers">,
  places: readonly Place[],
  { reader, batch, onFailure, signal }: AnswerOptions,
): Promise<Map<Place, Float32Array>> {
  const found = new Map<Place, Float32Array>();
  const lists = inBatches(places, batch);
  for await (const { places: read, pixels } of readBatches(reader, lists, onFailure)) {
    signal?.throwIfAborted();
    if (read.length > 0) {
      const answers = await model.answers(pixels, read.length);
      const width = answers.length / read.length;
      for (const [i, place] of read.entries()) found.set(place, answers.slice(i * width, (i + 1) * width));
    }
  }
  return found;
}
