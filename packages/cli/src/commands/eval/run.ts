/** Runs batches of pictures, which other threads decode ahead, through the model and records its answers. */
import { resolve } from "node:path";
import { stackImages, type VisionModel } from "@ppt-vit/core";
import type { DecodePool } from "./decode-pool.js";
import type { Decoded } from "./decode-worker.js";
import { scoreOf } from "./score.js";
import { type BatchEntry, mostMessageCharacters, type PictureRecord, type Sample, type Shard } from "./types.js";

/** Pictures that the model takes in one run. */
export interface Batch {
  /** Its place in the whole dataset, from 0. */
  readonly number: number;
  readonly samples: readonly Sample[];
}

/**
 * The batches of a dataset; for a shard, every `count`-th of them. Interruptions and sharding do not change the batches: a
 * picture always shares its batch with the same others, so its logits have the same bits.
 */
export function batchesOf(samples: readonly Sample[], size: number, shard: Shard | null): Batch[] {
  const batches = Array.from({ length: Math.ceil(samples.length / size) }, (_, number) => ({
    number,
    samples: samples.slice(number * size, (number + 1) * size),
  }));
  return shard ? batches.filter(({ number }) => number % shard.count === shard.index - 1) : batches;
}

export interface Evaluation {
  /** The folder to which the files are relative. */
  readonly root: string;
  readonly batches: readonly Batch[];
  readonly model: VisionModel;
  /** Runs on the same pictures, to measure agreement. */
  readonly unreduced?: VisionModel | undefined;
  readonly pool: DecodePool;
}

/** How many batches are decoded ahead. */
const batchesAhead = 2;

/** @throws PptError what the model's runs throw */
export async function* evaluate({ root, batches, model, unreduced, pool }: Evaluation): AsyncGenerator<BatchEntry> {
  const ask = (batch: Batch | undefined) => {
    const decoding = Promise.all((batch?.samples ?? []).map(({ file }) => pool.decode(resolve(root, file))));
    // The rejection is handled where the promise is awaited. Until then, this keeps Node from ending the process.
    decoding.catch(() => {});
    return decoding;
  };
  const ahead = Array.from({ length: batchesAhead }, (_, i) => ask(batches[i]));
  let mark = performance.now();
  for (const [i, { number, samples }] of batches.entries()) {
    const start = mark;
    const lap = () => {
      const before = mark;
      mark = performance.now();
      return mark - before;
    };
    // The time that the caller used since the previous `yield` counts in totalMs, not in waitingMs.
    lap();
    // Requested before waiting, so that the threads go on while the model blocks this one.
    ahead.push(ask(batches[i + batchesAhead]));
    const decoded = await ahead.shift()!;
    const waitingMs = lap();
    const pixels = decoded.flatMap((one) => ("pixels" in one ? [one.pixels] : []));
    const logits = await logitsOf(model, pixels);
    const modelMs = lap();
    const reference = unreduced && (await logitsOf(unreduced, pixels));
    const unreducedMs = unreduced ? lap() : 0;
    const records = recordsOf(samples, decoded, logits, reference);
    lap();
    yield { batch: number, records, times: { waitingMs, modelMs, unreducedMs, totalMs: mark - start } };
  }
}

/** Logits [labels] of each picture. */
async function logitsOf(model: VisionModel, pixels: readonly Float32Array[]): Promise<Float32Array[]> {
  if (pixels.length === 0) return [];
  const { data } = (await model.run({ pixelValues: stackImages(pixels), batch: pixels.length })).logits;
  const count = data.length / pixels.length;
  return pixels.map((_, i) => data.subarray(i * count, (i + 1) * count));
}

function recordsOf(
  samples: readonly Sample[],
  decoded: readonly Decoded[],
  logits: readonly Float32Array[],
  reference: readonly Float32Array[] | undefined,
): PictureRecord[] {
  let row = 0;
  return samples.map((sample, i) => {
    const one = decoded[i]!;
    // Cut, because the schema that reads it back allows no longer message.
    if (!("pixels" in one)) return { ...sample, code: one.code, message: one.message.slice(0, mostMessageCharacters) };
    const own = logits[row]!;
    const other = reference?.[row];
    row++;
    if (![own, other].every((values) => values?.every(Number.isFinite) ?? true))
      return { ...sample, code: "NOT_FINITE", message: `${sample.file}: the model's logits are not finite` };
    return {
      ...sample,
      ...scoreOf(own, sample.label),
      ...(other && { unreduced: scoreOf(other, sample.label) }),
    };
  });
}
