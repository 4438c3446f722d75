/** Compares policies and precisions on backends. Each backend runs in its own worker, where the contenders take turns. */
import { reasonOf, type WeightDtypeName } from "@ppt-vit/core";
import { type CheckpointSource, median, quantile } from "@ppt-vit/pipeline/browser";
import type { AnswerKind, LoadedModel } from "../answers/answer.js";
import { startWorker } from "../models.js";
import { type Estimate, pairedEstimate } from "../paired.js";
import { type PolicyChoice, reductionOf, type Settings } from "../settings.js";

/** What is measured on a backend. */
export interface Contender {
  readonly backend: string;
  readonly policy: PolicyChoice;
  readonly dtype: WeightDtypeName;
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
  /** Median of the ratios to the unreduced float32 model's runs of the same turns, on the same backend, if both were measured. */
  readonly speedup?: number;
  /** The same with its interval, from six turns on. */
  readonly estimate?: Estimate;
  /** The answer for the first picture. */
  readonly label: string;
  /** The greatest difference of its numbers from those of the plain CPU backend in float32, if that was computed. */
  readonly difference?: number;
}

export interface FailedCell extends Contender {
  readonly code: string;
  readonly message: string;
}

export interface BenchmarkResult {
  readonly cells: readonly Cell[];
  readonly failures: readonly FailedCell[];
  /** Backends that were skipped or cancelled; what they had measured until then is among the cells. */
  readonly unfinished: readonly string[];
  /** Runs during which the tab was hidden. Browsers slow hidden tabs down. */
  readonly hiddenRuns: number;
}

export interface BenchmarkOptions {
  /** The files in memory: no worker downloads anything. */
  readonly source: CheckpointSource;
  readonly answer: AnswerKind;
  readonly pictures: readonly Blob[];
  readonly settings: Settings;
  /** Ends the benchmark. What was measured until then is its result. */
  readonly signal: AbortSignal;
  /** Called for each backend with a function that goes on with the next one. */
  readonly onBackend: (skip: () => void) => void;
  /** Called at each step, with the number of finished steps, the number of all steps, and the current step. */
  readonly onProgress: (done: number, total: number, now: Contender & { readonly step: string }) => void;
  /** Called with what is known so far, after each turn of a backend. */
  readonly onResult: (result: BenchmarkResult) => void;
}

interface Running extends Contender {
  readonly model: LoadedModel;
  readonly loadMs: number;
  readonly firstRunMs: number;
  readonly latenciesMs: number[];
  readonly label: string;
  readonly values: Float32Array;
}

/** The backend that the others are compared with. */
export const oracle = "cpu";

export async function runBenchmark(options: BenchmarkOptions): Promise<BenchmarkResult> {
  const { settings, signal } = options;
  const finished: Cell[] = [];
  const failures: FailedCell[] = [];
  const unfinished: string[] = [];
  let hiddenRuns = 0;
  let current: readonly Cell[] = [];
  const result = (): BenchmarkResult => ({ cells: [...finished, ...current], failures, unfinished, hiddenRuns });
  const perBackend = settings.policies.length * settings.dtypes.length;
  const stepsEach = 2 + settings.warmup + settings.runs;
  const total = settings.policies.length + settings.backends.length * perBackend * stepsEach;
  let done = 0;
  const step = (contender: Contender, step: string) => {
    options.onProgress(done++, total, { ...contender, step });
    if (document.visibilityState === "hidden") hiddenRuns++;
  };

  const expected = await expectedValues(options, step);
  for (const [at, backend] of settings.backends.entries()) {
    if (signal.aborted) {
      unfinished.push(backend);
      continue;
    }
    const skipping = new AbortController();
    options.onBackend(() => skipping.abort());
    const either = AbortSignal.any([signal, skipping.signal]);
    await measureBackend(backend, options, either, {
      step,
      failed: (failure) => failures.push(failure),
      measured(running) {
        current = cellsOf(running, expected);
        options.onResult(result());
      },
    });
    if (either.aborted) unfinished.push(backend);
    finished.push(...current);
    current = [];
    // The steps of a contender that failed or was skipped count as done.
    done = settings.policies.length + (at + 1) * perBackend * stepsEach;
  }
  return result();
}

/** The numbers of the plain CPU backend for each policy, in float32. A policy that fails there has none. */
async function expectedValues(
  { source, answer, pictures, settings, signal }: BenchmarkOptions,
  step: (contender: Contender, step: string) => void,
): Promise<ReadonlyMap<PolicyChoice, Float32Array>> {
  const worker = startWorker();
  const cancel = () => void worker.dispose();
  signal.addEventListener("abort", cancel);
  const found = new Map<PolicyChoice, Float32Array>();
  try {
    for (const policy of settings.policies) {
      step({ backend: oracle, policy, dtype: "fp32" }, "the answer to compare with");
      try {
        const reduction = reductionOf(policy, settings);
        const model: LoadedModel = await worker.fromPretrained(source, {
          task: answer.task as "image-classification",
          backend: oracle,
          reduction,
        });
        const [first] = await answer.runAll(model, pictures.slice(0, 1));
        found.set(policy, answer.values(first!));
        await model.dispose();
      } catch {
        // The same failure is told of where the policy is measured.
      }
      if (signal.aborted) break;
    }
  } finally {
    signal.removeEventListener("abort", cancel);
    await worker.dispose();
  }
  return found;
}

interface Hooks {
  step(contender: Contender, step: string): void;
  failed(failure: FailedCell): void;
  /** Called after each turn with all contenders that still run. */
  measured(running: readonly Running[]): void;
}

async function measureBackend(
  backend: string,
  { source, answer, pictures, settings }: BenchmarkOptions,
  signal: AbortSignal,
  { step, failed, measured }: Hooks,
): Promise<void> {
  const { warmup, runs, batch } = settings;
  const worker = startWorker();
  const cancel = () => void worker.dispose();
  signal.addEventListener("abort", cancel);
  const running = new Map<string, Running>();
  const keyOf = ({ policy, dtype }: Contender) => `${policy} ${dtype}`;
  const inputs = Array.from({ length: batch }, (_, i) => pictures[i % pictures.length]!);

  /** Runs a step. If it fails, its contender is removed and the others continue. */
  async function attempt({ backend, policy, dtype }: Contender, work: () => Promise<void>): Promise<void> {
    if (signal.aborted) return;
    try {
      await work();
    } catch (error) {
      if (signal.aborted) return;
      const contender = { backend, policy, dtype };
      running.delete(keyOf(contender));
      const code = error instanceof Error && "code" in error ? String(error.code) : "UNKNOWN";
      failed({ ...contender, code, message: reasonOf(error) });
    }
  }

  try {
    for (const policy of settings.policies)
      for (const dtype of settings.dtypes) {
        const contender = { backend, policy, dtype };
        await attempt(contender, async () => {
          step(contender, "loading");
          const start = performance.now();
          const model: LoadedModel = await worker.fromPretrained(source, {
            task: answer.task as "image-classification",
            backend,
            dtype,
            reduction: reductionOf(policy, settings),
          });
          const loadMs = performance.now() - start;
          step(contender, "first run");
          const [first] = await answer.runAll(model, inputs);
          const [label, values] = [answer.say(first!), answer.values(first!)];
          const firstRunMs = first!.latencyMs;
          running.set(keyOf(contender), { ...contender, model, loadMs, firstRunMs, latenciesMs: [], label, values });
        });
      }
    for (let run = 0; run < warmup + runs && !signal.aborted; run++) {
      for (const one of [...running.values()])
        await attempt(one, async () => {
          step(one, run < warmup ? `warm-up ${run + 1} of ${warmup}` : `run ${run - warmup + 1} of ${runs}`);
          const [first] = await answer.runAll(one.model, inputs);
          if (run >= warmup) one.latenciesMs.push(first!.latencyMs);
        });
      measured([...running.values()]);
    }
  } finally {
    signal.removeEventListener("abort", cancel);
    await worker.dispose();
  }
}

/** The cells of the contenders that have been measured at least once. */
function cellsOf(running: readonly Running[], expected: ReadonlyMap<PolicyChoice, Float32Array>): Cell[] {
  const unreduced = running.find(({ policy, dtype }) => policy === "unreduced" && dtype === "fp32");
  return running
    .filter(({ latenciesMs }) => latenciesMs.length > 0)
    .map((one) => cellOf(one, unreduced, expected.get(one.policy)));
}

function cellOf(one: Running, unreduced: Running | undefined, expected: Float32Array | undefined): Cell {
  const { backend, policy, dtype, model, loadMs, firstRunMs, latenciesMs, label, values } = one;
  const medianMs = median(latenciesMs);
  const turns = Math.min(latenciesMs.length, unreduced?.latenciesMs.length ?? 0);
  // Each ratio is of two runs of the same turn, so a time when the machine is slow affects both.
  const ratios = Array.from({ length: turns }, (_, run) => unreduced!.latenciesMs[run]! / latenciesMs[run]!);
  const estimate = one === unreduced ? undefined : unreduced && pairedEstimate(unreduced.latenciesMs, latenciesMs);
  return {
    backend,
    policy,
    dtype,
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
    label,
    ...(expected && { difference: greatestDifference(values, expected) }),
  };
}

function greatestDifference(one: Float32Array, other: Float32Array): number {
  let most = 0;
  for (let i = 0; i < one.length; i++) most = Math.max(most, Math.abs(one[i]! - other[i]!));
  return most;
}
