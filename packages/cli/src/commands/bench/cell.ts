/** One measured process: it opens one model on one contender, then takes a turn whenever the parent asks. */
import { isPptError, modelCost, PptError, reasonOf, stackImages, verificationInput } from "@ppt-vit/core";
import { median } from "@ppt-vit/pipeline";
import type { Run } from "./contenders/contender.js";
import { requireContender } from "./contenders/index.js";
import { openModel } from "./model.js";
import { loadContenders } from "./modules.js";
import { peakMemoryBytes } from "./peak-memory.js";
import type { CellSettings } from "./schema.js";

export interface Turn {
  readonly runs: number;
  /** After this many milliseconds no further run starts. */
  readonly limitMs: number;
}

export type CellRequest =
  /** `contenders` are the modules of `--contenders`. */
  | { readonly prepare: CellSettings; readonly contenders: readonly string[] }
  | { readonly open: true }
  | { readonly turn: Turn }
  | { readonly finish: true };

export interface CellFacts {
  readonly gmacs: number;
  readonly loadMs: number;
  readonly firstRunMs: number;
  /** [batch, labels], of the first run; left out if the contender gives none. */
  readonly logits?: readonly number[];
  /** Of contenders that run a graph. */
  readonly kernels?: number;
}

export type CellAnswer =
  | { readonly prepared: true }
  | { readonly opened: CellFacts }
  | { readonly times: readonly number[]; readonly medianMs: number }
  | { readonly peakMemoryBytes: number }
  | { readonly failure: { readonly code: string; readonly message: string } };

/** A cell before the clock starts: random weights and the files of contenders are made already. */
interface Prepared {
  readonly load: () => Promise<Run>;
  readonly gmacs: number;
  readonly pixelValues: Float32Array;
  readonly batch: number;
}

type Opened = Prepared & { readonly run: Run };

/** Answers the parent's messages until it says to finish. */
export function benchCellCommand(): void {
  // Without the program's own handler Node prints the error on stderr, where the parent reads why the process ended.
  process.removeAllListeners("uncaughtException");
  let prepared: Prepared | undefined;
  let opened: Opened | undefined;

  async function answer(request: CellRequest): Promise<CellAnswer> {
    if ("finish" in request) return { peakMemoryBytes: peakMemoryBytes() };
    if ("turn" in request) return takeTurn(opened!, request.turn);
    if ("prepare" in request) {
      prepared = await prepare(request.prepare, request.contenders);
      return { prepared: true };
    }
    const start = performance.now();
    opened = { ...prepared!, run: await prepared!.load() };
    const loadMs = performance.now() - start;
    const { gmacs, run } = opened;
    const kernels = run.kernels === undefined ? {} : { kernels: run.kernels };
    const { ms: firstRunMs, logits } = await timeRun(opened);
    return { opened: { gmacs, loadMs, firstRunMs, ...(logits && { logits: finite(logits) }), ...kernels } };
  }

  process.on("message", (request: CellRequest) => {
    const reply = answer(request).catch((error: unknown): CellAnswer => {
      const message = reasonOf(error);
      return { failure: { code: isPptError(error) ? error.code : "UNEXPECTED", message } };
    });
    // A runtime's threads may keep the process alive, so it exits explicitly.
    void reply.then((message) => process.send!(message, () => "finish" in request && process.exit(0)));
  });
  process.on("disconnect", () => process.exit(1));
}

async function prepare(
  { backend, model: source, policy, reduction, batch }: CellSettings,
  modules: readonly string[],
): Promise<Prepared> {
  const contender = await requireContender(backend, (await Promise.all(modules.map(loadContenders))).flat());
  const model = await openModel(source, { policy, ...(reduction && { reduction }) });
  const pixelValues = stackImages(Array.from({ length: batch }, (_, i) => verificationInput(model.config, i)));
  const { gmacs } = modelCost(model.config, model.reduction);
  return { load: await contender.prepare(model, batch), gmacs, pixelValues, batch };
}

/** Milliseconds of one run, logits read back. */
async function timeRun({ run, pixelValues, batch }: Opened) {
  const start = performance.now();
  const logits = await run(pixelValues, batch);
  return { ms: performance.now() - start, logits };
}

/** The logits as the channel between processes carries them. @throws PptError NOT_FINITE */
function finite(logits: Float32Array): number[] {
  if (logits.every(Number.isFinite)) return Array.from(logits);
  throw new PptError("NOT_FINITE", "its logits are not finite");
}

/** In runs longer than this, refilling the caches takes no visible share. */
const longRunMs = 500;

/** The first run of a turn finds the caches full of other contenders' weights; a short one is not counted. */
async function takeTurn(opened: Opened, { runs, limitMs }: Turn): Promise<CellAnswer> {
  const start = performance.now();
  const { ms: first } = await timeRun(opened);
  const times = [first > longRunMs ? first : (await timeRun(opened)).ms];
  while (times.length < runs && performance.now() - start < limitMs) times.push((await timeRun(opened)).ms);
  return { times, medianMs: median(times) };
}
