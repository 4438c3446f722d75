/** What is measured of each contender, and the figures that the page shows of it. */
import { median, quantile } from "@ppt-vit/pipeline/browser";
import type { AnswerKind, LoadedModel } from "../answers/answer.js";
import { type Estimate, pairedEstimate } from "../paired.js";
import { type PrecisionName, precisionNames } from "../precisions.js";
import { type PolicyChoice, policyTitles } from "../settings.js";

/** What is measured on a backend. */
export interface Contender {
  readonly backend: string;
  readonly policy: PolicyChoice;
  readonly dtype: PrecisionName;
  /** Pictures in a run. */
  readonly batch: number;
}

/** For how many pictures an answer is the same. */
export interface Agreement {
  readonly same: number;
  readonly of: number;
}

/** Times of a contender. A latency is the time of a run divided by its number of pictures. */
export interface Cell extends Contender {
  readonly tokens: readonly number[];
  readonly gmacs: number;
  /** Starting the runtime and putting the weights, which are in memory, on the device. */
  readonly loadMs: number;
  /** The first run also compiles shaders. */
  readonly firstRunMs: number;
  /** Runs after the warm-up, in order. */
  readonly latenciesMs: readonly number[];
  readonly medianMs: number;
  readonly p90Ms: number;
  readonly imagesPerSecond: number;
  /** Median of the ratios to the runs of the reference in the same turns, if that was measured. */
  readonly speedup?: number;
  /** The same with its interval, from six turns on. */
  readonly estimate?: Estimate;
  /** The answer for the first picture. */
  readonly label: string;
  /** How many answers are those of the reference, if that was measured. */
  readonly agreement?: Agreement;
  /** The greatest difference of its numbers from those of the plain CPU backend in float32, if that was computed. */
  readonly difference?: number;
}

type Named = Pick<Contender, "policy" | "dtype" | "batch">;

/** What a row about a contender is called. The size of its batches is named where the contenders have several. */
export function namesOf(all: readonly Named[]): (one: Omit<Named, "batch"> & { readonly batch?: number }) => string {
  const hasSizes = new Set(all.map(({ batch }) => batch)).size > 1;
  return ({ policy, dtype, batch }) =>
    [
      policyTitles[policy],
      ...(dtype === precisionNames[0] ? [] : [dtype]),
      ...(hasSizes && batch !== undefined ? [`${batch} at once`] : []),
    ].join(", ");
}

type Results = Awaited<ReturnType<AnswerKind["runAll"]>>;

/** A model on a backend. All its sizes of batches share it. */
export interface Loaded {
  readonly model: LoadedModel;
  readonly loadMs: number;
  /** What it gave for the pictures that answers are compared on. */
  readonly results: Results;
}

export interface Running extends Contender {
  readonly loaded: Loaded;
  readonly firstRunMs: number;
  readonly latenciesMs: number[];
}

/** The reference of each backend: the unreduced model in full precision, with as many pictures in a run. */
export const isReference = ({ policy, dtype }: Pick<Contender, "policy" | "dtype">): boolean =>
  policy === "unreduced" && dtype === precisionNames[0];

/** The cells of the contenders that have been measured at least once. */
export function cellsOf(
  running: readonly Running[],
  answer: AnswerKind,
  expected: ReadonlyMap<PolicyChoice, Float32Array>,
): Cell[] {
  return running
    .filter(({ latenciesMs }) => latenciesMs.length > 0)
    .map((one) => {
      const reference = running.find((other) => isReference(other) && other.batch === one.batch);
      return cellOf(one, reference, answer, expected.get(one.policy));
    });
}

function cellOf(
  one: Running,
  reference: Running | undefined,
  answer: AnswerKind,
  expected: Float32Array | undefined,
): Cell {
  const { backend, policy, dtype, batch, firstRunMs, latenciesMs } = one;
  const { model, loadMs, results } = one.loaded;
  const medianMs = median(latenciesMs);
  const turns = Math.min(latenciesMs.length, reference?.latenciesMs.length ?? 0);
  // Each ratio is of two runs of the same turn, so a time when the machine is slow affects both.
  const ratios = Array.from({ length: turns }, (_, run) => reference!.latenciesMs[run]! / latenciesMs[run]!);
  const estimate = one === reference ? undefined : reference && pairedEstimate(reference.latenciesMs, latenciesMs);
  return {
    backend,
    policy,
    dtype,
    batch,
    tokens: model.tokens,
    gmacs: policy === "unreduced" ? model.gmacs.unreduced : model.gmacs.reduced,
    loadMs,
    firstRunMs,
    latenciesMs: [...latenciesMs],
    medianMs,
    p90Ms: quantile(latenciesMs, 0.9),
    imagesPerSecond: 1000 / medianMs,
    ...(turns > 0 && { speedup: median(ratios) }),
    ...(estimate && { estimate }),
    label: answer.say(results[0]!),
    ...(reference && one !== reference && { agreement: agreementOf(answer, reference.loaded.results, results) }),
    ...(expected && { difference: greatestDifference(answer.values(results[0]!), expected) }),
  };
}

function agreementOf(answer: AnswerKind, one: Results, other: Results): Agreement {
  const of = Math.min(one.length, other.length);
  const same = one.slice(0, of).filter((result, i) => answer.compare(result, other[i]!).same).length;
  return { same, of };
}

function greatestDifference(one: Float32Array, other: Float32Array): number {
  let most = 0;
  for (let i = 0; i < one.length; i++) most = Math.max(most, Math.abs(one[i]! - other[i]!));
  return most;
}
