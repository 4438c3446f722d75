/** Runs batches of pictures, which other threads decode ahead, through the model and records its answers. */
import { resolve } from "node:path";
import { type QuantizedDtypeName, stackImages, type VisionModel } from "@ppt-vit/core";
import type { AnswerKind } from "@ppt-vit/pipeline";
import { type Answer, differenceOf, valuesNamed } from "./answers.js";
import type { DecodePool } from "./decode-pool.js";
import type { Decoded } from "./decode-worker.js";
import { compareAnswers } from "./dtypes.js";
import { scoreOf } from "./score.js";
import { type BatchEntry, mostMessageCharacters, type PictureRecord, type Sample, type Shard } from "./types.js";

/** Pictures that the model takes in one run. */
export interface Batch<One extends Sample = Sample> {
  /** Its place in the whole dataset, from 0. */
  readonly number: number;
  readonly samples: readonly One[];
}

/**
 * The batches of a dataset; for a shard, every `count`-th of them. Interruptions and sharding do not change the batches: a
 * picture always shares its batch with the same others, so its logits have the same bits.
 */
export function batchesOf<One extends Sample>(
  samples: readonly One[],
  size: number,
  shard: Shard | null,
): Batch<One>[] {
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
  /** What the model answers. */
  readonly kind: AnswerKind;
  /** Runs on the same pictures, to measure agreement. */
  readonly unreduced?: VisionModel | undefined;
  /** The model under the other settings, which run on the same pictures. */
  readonly reductions: readonly VisionModel[];
  /** The model in other precisions, which run on the same pictures. */
  readonly dtypes: readonly (readonly [QuantizedDtypeName, VisionModel])[];
  readonly pool: DecodePool;
}

/** How many batches are decoded ahead. */
const batchesAhead = 2;

/** @throws PptError what the model's runs throw */
export async function* evaluate(evaluation: Evaluation): AsyncGenerator<BatchEntry> {
  const { root, batches, model, kind, unreduced, reductions, dtypes, pool } = evaluation;
  const answersOf = (asked: VisionModel, pixels: readonly Float32Array[]) => answersFrom(asked, kind, pixels);
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
    const answers = await answersOf(model, pixels);
    const modelMs = lap();
    const reference = unreduced && (await answersOf(unreduced, pixels));
    const unreducedMs = unreduced ? lap() : 0;
    const others: Answer[][] = [];
    const reductionsMs: number[] = [];
    for (const other of reductions) {
      others.push(await answersOf(other, pixels));
      reductionsMs.push(lap());
    }
    const compared: [QuantizedDtypeName, Answer[]][] = [];
    const dtypesMs: [QuantizedDtypeName, number][] = [];
    for (const [dtype, other] of dtypes) {
      compared.push([dtype, await answersOf(other, pixels)]);
      dtypesMs.push([dtype, lap()]);
    }
    const records = recordsOf(samples, decoded, { kind, answers, unreduced: reference, others, dtypes: compared });
    lap();
    const times = {
      ...{ waitingMs, modelMs, unreducedMs },
      ...(reductions.length > 0 && { reductionsMs }),
      ...(dtypes.length > 0 && { dtypesMs: Object.fromEntries(dtypesMs) }),
      totalMs: mark - start,
    };
    yield { batch: number, records, times };
  }
}

async function answersFrom(model: VisionModel, kind: AnswerKind, pixels: readonly Float32Array[]): Promise<Answer[]> {
  if (pixels.length === 0) return [];
  const batch = pixels.length;
  const output = await model.run({ pixelValues: stackImages(pixels), batch });
  const deciding = output.stages.filter(({ byImage }) => byImage);
  return pixels.map((_, i) => ({
    values: kind.answerOf(output, i),
    actions: deciding.map(({ policies }) => policies[i]!),
  }));
}

/** The answers to the pictures that could be decoded. */
interface Answers {
  readonly kind: AnswerKind;
  readonly answers: readonly Answer[];
  readonly unreduced: readonly Answer[] | undefined;
  /** Under the other settings. */
  readonly others: readonly (readonly Answer[])[];
  readonly dtypes: readonly (readonly [QuantizedDtypeName, readonly Answer[]])[];
}

function recordsOf(samples: readonly Sample[], decoded: readonly Decoded[], all: Answers): PictureRecord[] {
  let row = 0;
  return samples.map((sample, i) => {
    const one = decoded[i]!;
    // Cut, because the schema that reads it back allows no longer message.
    if (!("pixels" in one)) return { ...sample, code: one.code, message: one.message.slice(0, mostMessageCharacters) };
    return recordOf(sample, all, row++);
  });
}

function recordOf(sample: Sample, { kind, answers, unreduced, others, dtypes }: Answers, row: number): PictureRecord {
  const own = answers[row]!;
  const other = unreduced?.[row];
  const reductions = others.map((ofSettings) => ofSettings[row]!);
  const compared = dtypes.map(([dtype, ofDtype]) => [dtype, ofDtype[row]!] as const);
  const fail = (whose: string) => ({
    ...sample,
    code: "NOT_FINITE",
    message: `${sample.file}: ${whose}'s ${valuesNamed(kind)} not finite`,
  });
  if (![own, ...(other ? [other] : []), ...reductions].every(isFiniteAnswer)) return fail("the model");
  const wrong = compared.find(([, answer]) => !isFiniteAnswer(answer));
  if (wrong) return fail(`the model in ${wrong[0]}`);

  const { label, ...unlabelled } = sample;
  const ofDtypes = Object.fromEntries(
    compared.map(([dtype, answer]) => [dtype, compareAnswers(kind, own, answer, label)] as const),
  );
  const dtypesEntry = dtypes.length > 0 && { dtypes: ofDtypes };
  if (label === undefined)
    return {
      ...unlabelled,
      ...(other && { unreduced: differenceOf(kind, other, own) }),
      ...(other && reductions.length > 0 && { reductions: reductions.map((one) => differenceOf(kind, other, one)) }),
      ...dtypesEntry,
    };
  return {
    ...{ ...sample, label, ...scoreOf(own.values, label) },
    ...(other && { unreduced: scoreOf(other.values, label) }),
    ...(reductions.length > 0 && { reductions: reductions.map(({ values }) => scoreOf(values, label)) }),
    ...dtypesEntry,
  };
}

const isFiniteAnswer = ({ values }: Answer): boolean => values.every(Number.isFinite);
