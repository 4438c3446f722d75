/** The answers of the unreduced model: known before training where they can be counted, else computed for each batch. */
import { existsSync, readFileSync } from "node:fs";
import { parseSafetensors } from "@ppt-vit/core";
import type { HostTensor } from "@ppt-vit/core/backend";
import { augmentations } from "../augmentations/index.js";
import { type Batch, inBatches, type Place } from "../data/batches.js";
import { named } from "../named.js";
import type { ParsedOptions } from "../options.js";
import { writeSafetensors } from "../output/safetensors.js";
import { writeWhole } from "../output/write-file.js";
import type { Trainer } from "../trainer.js";
import { type AnswerOptions, answersTo } from "./answers.js";
import type { Order } from "./order.js";
import type { RunIdentity } from "./state.js";

/** More answers than this are not kept. */
const mostBytes = 2 ** 28;
/** How many batches are read in one go. After them the answers may be saved. */
const batchesAtOnce = 8;

export interface Teaching extends ParsedOptions {
  readonly teacher: Trainer;
  readonly order: Order;
  /** The pictures that are held back. */
  readonly evaluated: readonly Place[];
  readonly reading: AnswerOptions;
  /** Where known answers are saved. */
  readonly path: string;
  readonly identity: RunIdentity;
}

export interface TeacherAnswers {
  /** By the number of the picture. */
  readonly evaluated: ReadonlyMap<number, Float32Array>;
  /** All pictures in all their versions, without those that could not be read. Without training pictures if these have too many versions. */
  readonly places: readonly Place[];
  /** [B, N] for a batch as the model sees it. */
  of(batch: Batch): Promise<Float32Array>;
}

/** How many versions of a picture there are, if all of them can be answered before training. */
export function countedVersions({ given, settings, classes }: ParsedOptions): number | undefined {
  const { versions } = named(augmentations, settings.augmentation, "augmentation");
  const mixes = settings.mixup > 0 || settings.cutmix > 0;
  const width = classes || given.checkpoint.config.hiddenSize;
  const few = versions !== undefined && 4 * versions * width * given.pictures.length <= mostBytes;
  return few && !mixes ? versions : undefined;
}

export async function knownAnswers(teaching: Teaching): Promise<TeacherAnswers> {
  const { given, settings, loss, teacher, order, evaluated, reading, path } = teaching;
  const versions = countedVersions(teaching);
  const counted = loss.needsTeacher && versions !== undefined;
  const held = evaluated.map((place) => [`evaluation/${place.index}`, place] as const);
  const trained = versions === undefined ? [] : order.places().map((place) => [keyOf(place), place] as const);
  const wanted = new Map<string, Place>(counted ? [...held, ...trained] : held);

  const identity = JSON.stringify(teaching.identity);
  const known = loadAnswers(path, identity) ?? new Map<string, Float32Array>();
  await complete();

  /** Answers in whole batches of the list, so that a resumed run computes each answer in the same batch. */
  async function complete(): Promise<void> {
    const tell = (done: number) => given.onProgress?.({ kind: "teacher", done, total: wanted.size });
    let saved = performance.now();
    let done = 0;
    try {
      for (const some of inBatches([...wanted], settings.batch * batchesAtOnce)) {
        if (some.some(([key]) => !known.has(key))) {
          const places = new Map(some.map(([key, place]) => [place, key]));
          const found = await answersTo(teacher, [...places.keys()], reading);
          for (const [place, answer] of found) known.set(places.get(place)!, answer);
        }
        done += some.length;
        tell(done);
        if (performance.now() - saved < 1000 * (given.saveEvery ?? 60)) continue;
        saveAnswers(path, identity, known);
        saved = performance.now();
      }
    } finally {
      saveAnswers(path, identity, known);
    }
  }

  return {
    evaluated: new Map(
      evaluated.flatMap(({ index }) => {
        const answer = known.get(`evaluation/${index}`);
        return answer ? [[index, answer] as const] : [];
      }),
    ),
    places: [...held, ...trained].flatMap(([key, place]) => (wanted.has(key) && !known.has(key) ? [] : [place])),
    async of({ places, pixels }) {
      if (!counted) return teacher.answers(pixels, places.length);
      const rows = places.map((place) => known.get(keyOf(place)));
      // A picture that could not be read then and can now has no answer.
      if (rows.includes(undefined)) return teacher.answers(pixels, places.length);
      const answers = new Float32Array(rows.length * rows[0]!.length);
      for (const [i, row] of rows.entries()) answers.set(row!, i * row!.length);
      return answers;
    },
  };
}

const keyOf = ({ index, version }: Pick<Place, "index" | "version">): string => `${index}/${version}`;

/** What an earlier run saved; undefined if there is nothing of use: then the same answers are computed again. */
function loadAnswers(path: string, identity: string): Map<string, Float32Array> | undefined {
  if (!existsSync(path)) return undefined;
  try {
    const file = parseSafetensors(readFileSync(path), path);
    if (file.metadata.get("identity") !== identity) return undefined;
    return new Map(file.names.map((name) => [name, file.read(name).data.slice()]));
  } catch {
    return undefined;
  }
}

function saveAnswers(path: string, identity: string, answers: ReadonlyMap<string, Float32Array>): void {
  const tensors: Record<string, HostTensor> = {};
  for (const [name, data] of answers) tensors[name] = { shape: [data.length], data };
  writeWhole(path, writeSafetensors(tensors, { identity }));
}
