/** What pictures are after the first removal of tokens, kept in memory in place of their pixels. */
import { PptError } from "@ppt-vit/core";
import { inBatches, type Place } from "../data/batches.js";
import type { Version } from "../data/picture.js";
import type { PictureReader } from "../data/reader.js";
import type { Trainer } from "../trainer.js";
import { type AnswerOptions, answersTo } from "./answers.js";

/** How many batches are read in one go. After them progress is told. */
const batchesAtOnce = 8;

const keyOf = ({ file, augmentation, version }: Version): string => `${augmentation}/${version}/${file}`;

/** A reader that gives what `model` makes of the pictures. A picture that could not be read fails each time. */
export async function keptReader(
  model: Pick<Trainer, "answers">,
  places: readonly Place[],
  reading: AnswerOptions,
  tell: (done: number) => void,
): Promise<PictureReader> {
  const kept = new Map<string, Float32Array>();
  let done = 0;
  for (const some of inBatches(places, reading.batch * batchesAtOnce)) {
    for (const [place, row] of await answersTo(model, some, reading)) kept.set(keyOf(place), row);
    done += some.length;
    tell(done);
  }
  return {
    async read(version) {
      const row = kept.get(keyOf(version));
      if (!row) throw new PptError("INVALID_IMAGE", `${version.file}: could not be read before training`);
      return row;
    },
    close: async () => {},
  };
}
