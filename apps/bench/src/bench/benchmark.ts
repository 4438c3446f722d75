/** Compares policies, precisions and sizes of batches on backends. Each backend runs in its own worker, where they take turns. */
import { reasonOf } from "@ppt-vit/core";
import type { CheckpointSource } from "@ppt-vit/pipeline/browser";
import type { AnswerKind, LoadedModel } from "../answers/answer.js";
import { startWorker } from "../models.js";
import { loadedAs, type PrecisionName } from "../precisions.js";
import { type PolicyChoice, reductionOf, type Settings } from "../settings.js";
import { type Cell, type Contender, cellsOf, type Loaded, type Running } from "./cells.js";

/** A model that could not be loaded has no batch. */
export interface FailedCell extends Omit<Contender, "batch"> {
  readonly batch?: number;
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

/** What is done at the moment. */
export interface Step extends Omit<Contender, "batch"> {
  readonly step: string;
}

export interface BenchmarkOptions {
  /** The files in memory: no worker downloads anything. */
  readonly source: CheckpointSource;
  readonly answer: AnswerKind;
  readonly pictures: readonly Blob[];
  readonly settings: Settings;
  /** Whether a backend has a precision. What it does not have is left out. */
  readonly has: (backend: string, precision: PrecisionName) => boolean;
  /** Loads a model on the page's resident worker, which has parsed the checkpoint already. */
  readonly loadOracle: (policy: PolicyChoice) => Promise<LoadedModel>;
  /** Ends the benchmark. What was measured until then is its result. */
  readonly signal: AbortSignal;
  /** Called for each backend with a function that goes on with the next one. */
  readonly onBackend: (skip: () => void) => void;
  /** Called at each step, with the number of finished steps, the number of all steps, and the current step. */
  readonly onProgress: (done: number, total: number, now: Step) => void;
  /** Called with what is known so far, after each turn of a backend. */
  readonly onResult: (result: BenchmarkResult) => void;
}

/** The backend that the others are compared with. */
export const oracle = "cpu";

/** The most pictures that answers are compared on. */
const mostCompared = 8;

export async function runBenchmark(options: BenchmarkOptions): Promise<BenchmarkResult> {
  const { settings, signal, has } = options;
  const { policies, dtypes, batches, warmup, runs } = settings;
  const finished: Cell[] = [];
  const failures: FailedCell[] = [];
  const unfinished: string[] = [];
  let hiddenRuns = 0;
  let current: readonly Cell[] = [];
  const result = (): BenchmarkResult => ({ cells: [...finished, ...current], failures, unfinished, hiddenRuns });
  const precisionsOf = (backend: string) => dtypes.filter((dtype) => has(backend, dtype));
  const stepsOf = (backend: string) =>
    policies.length * precisionsOf(backend).length * (2 + batches.length * (1 + warmup + runs));
  const total = policies.length + settings.backends.reduce((sum, backend) => sum + stepsOf(backend), 0);
  let done = 0;
  const step = ({ backend, policy, dtype }: Omit<Step, "step">, step: string) => {
    options.onProgress(done++, total, { backend, policy, dtype, step });
    if (document.visibilityState === "hidden") hiddenRuns++;
  };

  const expected = await expectedValues(options, step);
  let before = policies.length;
  for (const backend of settings.backends) {
    if (signal.aborted) {
      unfinished.push(backend);
      continue;
    }
    const skipping = new AbortController();
    options.onBackend(() => skipping.abort());
    const either = AbortSignal.any([signal, skipping.signal]);
    await measureBackend(backend, precisionsOf(backend), options, either, {
      step,
      failed: (failure) => failures.push(failure),
      measured(running) {
        current = cellsOf(running, options.answer, expected);
        options.onResult(result());
      },
    });
    if (either.aborted) unfinished.push(backend);
    finished.push(...current);
    current = [];
    // The steps of a contender that failed or was skipped count as done.
    before += stepsOf(backend);
    done = before;
  }
  return result();
}

/** The numbers of the plain CPU backend for each policy, in float32. A policy that fails there has none. */
async function expectedValues(
  { loadOracle, answer, pictures, settings, signal }: BenchmarkOptions,
  step: (now: Omit<Step, "step">, step: string) => void,
): Promise<ReadonlyMap<PolicyChoice, Float32Array>> {
  const found = new Map<PolicyChoice, Float32Array>();
  const cancelled = new Promise<"cancelled">((resolve) =>
    signal.addEventListener("abort", () => resolve("cancelled"), { once: true }),
  );
  async function expect(policy: PolicyChoice): Promise<void> {
    const model = await loadOracle(policy);
    try {
      const [first] = await answer.runAll(model, pictures.slice(0, 1));
      found.set(policy, answer.values(first!));
    } finally {
      await model.dispose();
    }
  }
  for (const policy of settings.policies) {
    if (signal.aborted) break;
    step({ backend: oracle, policy, dtype: "fp32" }, "the answer to compare with");
    // A failure is told of where the policy is measured. What was cancelled ends by itself, within the time of a run.
    await Promise.race([expect(policy).catch(() => undefined), cancelled]);
  }
  return found;
}

interface Hooks {
  step(now: Omit<Step, "step">, step: string): void;
  failed(failure: FailedCell): void;
  /** Called after each turn with all contenders that still run. */
  measured(running: readonly Running[]): void;
}

async function measureBackend(
  backend: string,
  precisions: readonly PrecisionName[],
  { source, answer, pictures, settings }: BenchmarkOptions,
  signal: AbortSignal,
  { step, failed, measured }: Hooks,
): Promise<void> {
  const { warmup, runs, batches } = settings;
  const worker = startWorker();
  const cancel = () => void worker.dispose();
  signal.addEventListener("abort", cancel);
  const running = new Set<Running>();
  const inputsOf = (batch: number) => Array.from({ length: batch }, (_, i) => pictures[i % pictures.length]!);

  /** Runs a step. If it fails, its contender is told of, and the others continue. */
  async function attempt<Result>(now: Omit<FailedCell, "code" | "message">, work: () => Promise<Result>) {
    if (signal.aborted) return undefined;
    try {
      return await work();
    } catch (error) {
      if (signal.aborted) return undefined;
      const { backend, policy, dtype, batch } = now;
      const code = error instanceof Error && "code" in error ? String(error.code) : "UNKNOWN";
      failed({ backend, policy, dtype, ...(batch !== undefined && { batch }), code, message: reasonOf(error) });
      return undefined;
    }
  }

  /** Answers for several pictures, from those of a run on, as many at a time as it had: a new size may compile anew. */
  async function resultsFrom(model: LoadedModel, first: Loaded["results"]) {
    const compared = Math.min(mostCompared, pictures.length);
    const results = [...first];
    while (results.length < compared) {
      const next = first.map((_, i) => pictures[(results.length + i) % pictures.length]!);
      results.push(...(await answer.runAll(model, next)));
    }
    return results.slice(0, compared);
  }

  try {
    for (const policy of settings.policies)
      for (const dtype of precisions) {
        const contender = { backend, policy, dtype };
        const loaded = await attempt(contender, async (): Promise<Loaded> => {
          step(contender, "loading");
          const start = performance.now();
          const model: LoadedModel = await worker.fromPretrained(source, {
            task: answer.task as "image-classification",
            ...loadedAs(backend, dtype),
            reduction: reductionOf(policy, settings),
          });
          const loadMs = performance.now() - start;
          return { model, loadMs, results: [] };
        });
        if (!loaded) continue;
        let results: Loaded["results"] | undefined;
        for (const batch of batches)
          await attempt({ ...contender, batch }, async () => {
            step(contender, `first run${sizeOf(batch)}`);
            const first = await answer.runAll(loaded.model, inputsOf(batch));
            const firstRunMs = first[0]!.latencyMs;
            if (!results) {
              step(contender, "answers");
              results = await resultsFrom(loaded.model, first);
            }
            running.add({ ...contender, batch, loaded: { ...loaded, results }, firstRunMs, latenciesMs: [] });
          });
      }
    for (let run = 0; run < warmup + runs && !signal.aborted; run++) {
      for (const one of [...running]) {
        const finished = await attempt(one, async () => {
          const turn = run < warmup ? `warm-up ${run + 1} of ${warmup}` : `run ${run - warmup + 1} of ${runs}`;
          step(one, `${turn}${sizeOf(one.batch)}`);
          const [first] = await answer.runAll(one.loaded.model, inputsOf(one.batch));
          if (run >= warmup) one.latenciesMs.push(first!.latencyMs);
          return true;
        });
        if (!finished && !signal.aborted) running.delete(one);
      }
      measured([...running]);
    }
  } finally {
    signal.removeEventListener("abort", cancel);
    await worker.dispose();
  }

  function sizeOf(batch: number): string {
    return batches.length > 1 ? `, ${batch} at once` : "";
  }
}
