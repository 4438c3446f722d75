/** Compares policies on backends. Each backend runs in its own worker, where the policies take turns. */
import { reasonOf } from "@ppt-vit/core";
import { type Classification, type ImageClassifier, median, quantile } from "@ppt-vit/pipeline/browser";
import { type ModelChoice, startWorker } from "./models.js";
import { type PolicyChoice, reductionOf, type Settings } from "./settings.js";

/** Times of one policy on one backend. A latency is the time of a run divided by its number of pictures. */
export interface Cell {
  readonly backend: string;
  readonly policy: PolicyChoice;
  readonly tokens: readonly number[];
  readonly gmacs: number;
  /** Reading the checkpoint, starting the runtime, and putting the weights on the device. */
  readonly loadMs: number;
  /** The first run also compiles shaders. */
  readonly firstRunMs: number;
  /** Runs after the warm-up, in order. */
  readonly latenciesMs: readonly number[];
  readonly medianMs: number;
  readonly p90Ms: number;
  readonly imagesPerSecond: number;
  /** Median over the runs of the unreduced model's time over this one's, on the same backend, if both were measured. */
  readonly speedup?: number;
  readonly label: string;
  readonly probability?: number | undefined;
}

export interface FailedCell {
  readonly backend: string;
  readonly policy: PolicyChoice;
  readonly code: string;
  readonly message: string;
}

export interface BenchmarkResult {
  readonly cells: readonly Cell[];
  readonly failures: readonly FailedCell[];
  /** Runs during which the tab was hidden. Browsers slow hidden tabs down. */
  readonly hiddenRuns: number;
}

export interface BenchmarkOptions {
  readonly model: ModelChoice;
  readonly pictures: readonly Blob[];
  readonly settings: Settings;
  readonly signal: AbortSignal;
  /** Called at each step, with the number of finished steps, the number of all steps, and the current step. */
  readonly onProgress: (
    done: number,
    total: number,
    now: { backend: string; policy: PolicyChoice; step: string },
  ) => void;
}

interface Contender {
  readonly policy: PolicyChoice;
  readonly classifier: ImageClassifier;
  readonly loadMs: number;
  readonly firstRunMs: number;
  readonly latenciesMs: number[];
  readonly top: { label: string; probability?: number | undefined };
}

/** @throws the signal's reason if it is aborted */
export async function runBenchmark(options: BenchmarkOptions): Promise<BenchmarkResult> {
  const { settings, signal } = options;
  const cells: Cell[] = [];
  const failures: FailedCell[] = [];
  const stepsPerCell = 2 + settings.warmup + settings.runs;
  const total = settings.backends.length * settings.policies.length * stepsPerCell;
  let done = 0;
  let hiddenRuns = 0;

  for (const [at, backend] of settings.backends.entries()) {
    const measured = await measureBackend(backend, options, (policy, step) => {
      options.onProgress(done++, total, { backend, policy, step });
      if (document.visibilityState === "hidden") hiddenRuns++;
    });
    signal.throwIfAborted();
    cells.push(...measured.cells);
    failures.push(...measured.failures);
    // The steps of a contender that failed count as done.
    done = (at + 1) * settings.policies.length * stepsPerCell;
  }
  return { cells, failures, hiddenRuns };
}

async function measureBackend(
  backend: string,
  { model, pictures, settings, signal }: BenchmarkOptions,
  onStep: (policy: PolicyChoice, step: string) => void,
): Promise<{ cells: Cell[]; failures: FailedCell[] }> {
  const { warmup, runs, batch } = settings;
  const worker = startWorker();
  const cancel = () => void worker.dispose();
  signal.addEventListener("abort", cancel);
  const contenders = new Map<PolicyChoice, Contender>();
  const failures: FailedCell[] = [];
  const inputs = Array.from({ length: batch }, (_, i) => pictures[i % pictures.length]!);

  /** Runs a step. If it fails, its policy is removed and the others continue. */
  async function attempt(policy: PolicyChoice, step: () => Promise<void>): Promise<void> {
    try {
      await step();
    } catch (error) {
      signal.throwIfAborted();
      contenders.delete(policy);
      const message = reasonOf(error);
      const code = error instanceof Error && "code" in error ? String(error.code) : "UNKNOWN";
      failures.push({ backend, policy, code, message });
    }
  }

  try {
    for (const policy of settings.policies)
      await attempt(policy, async () => {
        onStep(policy, "loading");
        const start = performance.now();
        const classifier = await worker.fromPretrained(model.source, {
          backend,
          reduction: reductionOf(policy, settings),
        });
        const loadMs = performance.now() - start;
        onStep(policy, "first run");
        const { latencyMs: firstRunMs, labels } = await runOnce(classifier, inputs);
        contenders.set(policy, { policy, classifier, loadMs, firstRunMs, latenciesMs: [], top: labels[0]! });
      });
    for (let run = 0; run < warmup + runs; run++)
      for (const { policy, classifier, latenciesMs } of contenders.values())
        await attempt(policy, async () => {
          onStep(policy, run < warmup ? `warm-up ${run + 1} of ${warmup}` : `run ${run - warmup + 1} of ${runs}`);
          const { latencyMs } = await runOnce(classifier, inputs);
          if (run >= warmup) latenciesMs.push(latencyMs);
        });
  } finally {
    signal.removeEventListener("abort", cancel);
    await worker.dispose();
  }
  const unreduced = contenders.get("unreduced");
  const cells = [...contenders.values()].map((contender) => cellOf(backend, contender, unreduced));
  return { cells, failures };
}

/** One run of the model over all inputs. */
async function runOnce(classifier: ImageClassifier, inputs: readonly Blob[]): Promise<Classification> {
  let first: Classification | undefined;
  for await (const result of classifier.classifyAll(inputs, { batch: inputs.length, topK: 1 })) {
    if ("error" in result) throw result.error;
    first ??= result;
  }
  return first!;
}

function cellOf(backend: string, contender: Contender, unreduced: Contender | undefined): Cell {
  const { policy, classifier, loadMs, firstRunMs, latenciesMs, top } = contender;
  const medianMs = median(latenciesMs);
  return {
    backend,
    policy,
    tokens: classifier.tokens,
    gmacs: policy === "unreduced" ? classifier.gmacs.unreduced : classifier.gmacs.reduced,
    loadMs,
    firstRunMs,
    latenciesMs,
    medianMs,
    p90Ms: quantile(latenciesMs, 0.9),
    imagesPerSecond: 1000 / medianMs,
    // Each ratio is of two neighbouring runs, so a time when the machine is slow affects both.
    ...(unreduced && { speedup: median(latenciesMs.map((ms, run) => unreduced.latenciesMs[run]! / ms)) }),
    label: top.label,
    probability: top.probability,
  };
}
