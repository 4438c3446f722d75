/** `ppt-vit eval`: measures accuracy on labelled pictures, agreement with the unreduced model, and speed. */
import { lstatSync } from "node:fs";
import {
  type Backend,
  createVisionModel,
  modelCost,
  PptError,
  problemOf,
  processImage,
  type QuantizedDtypeName,
  quantizationOf,
  type VisionModel,
} from "@ppt-vit/core";
import {
  answerKindOf,
  atOneSize,
  backendNames,
  type Checkpoint,
  createBackend,
  readCheckpoint,
} from "@ppt-vit/pipeline";
import { checkpointFingerprint } from "../../documents/checkpoint-fingerprint.js";
import { type Lock, takeLock } from "../../files/lock.js";
import { isKept, placeOf, requireOutputs } from "../../files/outputs.js";
import { writeFileWhole } from "../../files/write-file.js";
import { defaultBackend } from "../../flags/backend-option.js";
import type { CompareDtypeFlags } from "../../flags/compare-dtype-option.js";
import type { DtypeFlags } from "../../flags/dtype-option.js";
import { type ModelFlags, withDownloads } from "../../flags/model-options.js";
import { type BatchFlags, decodeOptions } from "../../flags/picture-options.js";
import type { ReductionFlags } from "../../flags/reduction-options.js";
import { backendLine } from "../../output/install.js";
import { print, printJson, say as sayLines } from "../../output/print.js";
import { withProgress } from "../../output/progress.js";
import { type Dataset, fingerprintOf, openDataset } from "./dataset.js";
import { openDecodePool } from "./decode-pool.js";
import { backendOf, type Journal, openJournal } from "./journal.js";
import { mergeReports, readReport } from "./merge.js";
import { reportPage } from "./page.js";
import { reductionsOf } from "./reductions.js";
import { type ReportFrame, reportOf, reportText, runFacts } from "./report.js";
import { type Batch, batchesOf, evaluate } from "./run.js";
import { type BatchEntry, type EvalReport, type EvalSettings, isFailed, type Shard } from "./types.js";

export interface OutputFlags {
  readonly out?: string;
  readonly report?: string;
  readonly json: boolean;
}

export interface EvalFlags
  extends DtypeFlags,
    Pick<CompareDtypeFlags, "compareDtype">,
    ReductionFlags,
    ModelFlags,
    BatchFlags,
    OutputFlags {
  readonly model: string;
  readonly backend: string;
  readonly classes?: string;
  readonly limit?: number;
  readonly shard?: Shard;
  readonly agreement: boolean;
  readonly labels: boolean;
}

/**
 * @returns the exit code: 1 if some pictures could not be used
 * @throws PptError before anything is read or computed: WRITE_FAILED if a result could not be written, INVALID_OPTION if another
 * process evaluates to the same file
 */
export async function evalCommand(path: string, flags: EvalFlags): Promise<0 | 1> {
  const { out, report, classes } = flags;
  // Devices such as /dev/stdout have no journal. The journal of a link lies beside the file to which the link leads.
  const journal = out === undefined || !isKept(out) ? undefined : `${isLink(out) ? placeOf(out) : out}${journalEnding}`;
  requireOutputs({ "--out": out, "--report": report }, [path, classes], journal === undefined ? [] : [journal]);
  const lock = journal === undefined ? undefined : takeLock(`${journal}.lock`, out!);
  try {
    return await evaluateTo(path, flags, journal !== undefined && lock ? { path: journal, lock } : undefined);
  } finally {
    lock?.release();
  }
}

const isLink = (path: string): boolean =>
  lstatSync(path, { bigint: true, throwIfNoEntry: false })?.isSymbolicLink() ?? false;

interface LockedJournal {
  readonly path: string;
  readonly lock: Lock;
}

/** An interrupted evaluation goes on with the backend that was chosen when it began, although another may now be the best. */
function backendFor({ backend }: EvalFlags, locked: LockedJournal | undefined): string {
  const begun = backend === defaultBackend && locked ? backendOf(locked.path) : undefined;
  // That of a module has no name in this process.
  if (begun === undefined || !backendNames.includes(begun)) return backend;
  say(`${locked!.path} was begun on backend ${begun}, which is taken again`);
  return begun;
}

async function evaluateTo(path: string, flags: EvalFlags, locked: LockedJournal | undefined): Promise<0 | 1> {
  const wanted = backendFor(flags, locked);
  const backend = await createBackend(wanted, {
    dtype: flags.dtype,
    progress_callback: (notice) => sayLines(backendLine(notice)),
  });
  // Results depend on the backend, so what is recorded is the one that was taken.
  const backendName = wanted === defaultBackend ? backend.name : wanted;
  try {
    const found = await withDownloads(flags.model, flags, (loading) => readCheckpoint(flags.model, loading));
    const checkpoint = atOneSize(found);
    checkCheckpoint(checkpoint, flags);
    const dataset = await openDataset(path, {
      ...flags,
      labels: isLabelled(checkpoint, flags) && checkpoint.config.labels,
    });
    for (const note of dataset.notes) say(note);
    const frame = await frameOf(checkpoint, dataset, path, backendName, flags);
    const batches = batchesOf(dataset.samples, flags.batch, frame.shard);
    const journal = locked && openJournalOf(locked, frame, batches);
    const entries = [...(journal?.done ?? [])];
    const done = new Set(entries.map(({ batch }) => batch));
    const todo = batches.filter(({ number }) => !done.has(number));
    if (locked && done.size > 0)
      say(`going on with ${locked.path}: ${done.size} of ${batches.length} batches are done`);
    try {
      if (todo.length > 0)
        await compute({ backend, checkpoint, dataset, todo, frame, journal }, flags, (entry) => entries.push(entry));
    } finally {
      journal?.close();
    }
    const records = entries.flatMap((entry) => entry.records);
    const times = entries.map((entry) => entry.times);
    const report = { ...reportOf(frame, records), run: runFacts(times, records.length) };
    publish(report, flags);
    return report.failures.length > 0 ? 1 : 0;
  } finally {
    await backend.dispose();
  }
}

/** @returns the exit code: 1 if some pictures could not be used */
export function mergeCommand(files: readonly string[], flags: OutputFlags): 0 | 1 {
  requireOutputs({ "--out": flags.out, "--report": flags.report }, files);
  const report = mergeReports(files.map((file) => ({ file, report: readReport(file) })));
  publish(report, flags);
  return report.failures.length > 0 ? 1 : 0;
}

const journalEnding = ".journal.jsonl";

const say = (line: string) => sayLines(`ppt-vit: ${line}`);

/** A model without a classifier gives no answers that labels could be compared with. */
const isLabelled = ({ config }: Checkpoint, { labels }: EvalFlags): boolean => labels && config.labels.length > 0;

/**
 * @throws PptError INVALID_CONFIG if the model classifies, but not by one label, if it does not classify and nothing else can be
 * measured, or if preprocessing makes pictures of another size
 */
function checkCheckpoint({ name, config, preprocessing }: Checkpoint, flags: EvalFlags): void {
  if (config.labels.length === 0 && !flags.compareDtype && !(flags.ppt && flags.agreement))
    throw new PptError(
      "INVALID_CONFIG",
      `${name}: has no classifier, and so no answers that labels could be compared with: leave ${flags.ppt ? "--no-agreement" : "--no-ppt"} out to compare it with the unreduced model, or name precisions by --compare-dtype`,
    );
  if (config.labels.length > 0 && problemOf(config) !== "single-label")
    throw new PptError(
      "INVALID_CONFIG",
      `${name}: its answers are ${problemOf(config)}, and top-1, top-5 and cross entropy need one right class a picture`,
    );
  // A picture that is neither square nor large: if preprocessing keeps its shape or size, the result shows it.
  const { shape } = processImage({ width: 1, height: 2, data: new Uint8Array(6) }, preprocessing);
  const [height, width] = config.imageSize;
  if (shape[2] !== height || shape[3] !== width)
    throw new PptError(
      "INVALID_CONFIG",
      `${name}: preprocessor_config.json does not make all pictures ${height} x ${width} pixels, which config.json asks for`,
    );
}

async function frameOf(
  checkpoint: Checkpoint,
  dataset: Dataset,
  path: string,
  backend: string,
  flags: EvalFlags,
): Promise<ReportFrame> {
  const { name, config } = checkpoint;
  const { reduction, reductions } = reductionsOf(checkpoint, flags);
  const cost = modelCost(config, reduction);
  const labelled = isLabelled(checkpoint, flags);
  const quantize = quantizationOf(flags.dtype);
  const settings: EvalSettings = {
    model: { name, fingerprint: checkpointFingerprint(checkpoint) },
    backend,
    ...(quantize && { dtype: quantize }),
    ...(flags.compareDtype && { compareDtypes: flags.compareDtype }),
    ...(!labelled && { labelled }),
    reduction: reduction ?? null,
    ...(reductions && { reductions }),
    agreement: flags.agreement && reduction !== undefined,
    batch: flags.batch,
    dataset: { path, pictures: dataset.samples.length, fingerprint: await fingerprintOf(dataset) },
    limit: flags.limit ?? null,
    decoding: { firstFrame: flags.firstFrame, maxPixels: flags.maxPixels ?? null },
  };
  const stages = cost.blocks.filter(({ attentionTokens, mlpTokens }) => mlpTokens < attentionTokens);
  return {
    settings,
    shard: flags.shard ?? null,
    tokens: [cost.blocks[0]!.attentionTokens, ...stages.map(({ mlpTokens }) => mlpTokens)],
    gmacs: {
      unreduced: modelCost(config).gmacs,
      reduced: cost.gmacs,
      ...(reductions && { reductions: reductions.slice(1).map((one) => modelCost(config, one.reduction).gmacs) }),
    },
    labels: config.labels,
  };
}

const openJournalOf = (
  { path, lock }: LockedJournal,
  { settings, shard, labels, tokens }: ReportFrame,
  batches: readonly Batch[],
): Journal =>
  openJournal(
    path,
    {
      header: { journal: "ppt-vit eval", version: 1, settings, shard },
      ...{ batches, classes: labels.length, stages: tokens.length - 1 },
    },
    lock,
  );

interface Work {
  readonly backend: Backend;
  readonly checkpoint: Checkpoint;
  readonly dataset: Dataset;
  readonly todo: readonly Batch[];
  readonly frame: ReportFrame;
  readonly journal: Journal | undefined;
}

async function compute(
  { backend, checkpoint, dataset, todo, frame, journal }: Work,
  flags: EvalFlags,
  onBatch: (entry: BatchEntry) => void,
): Promise<void> {
  const { config, weights, preprocessing } = checkpoint;
  const { reduction, reductions = [], agreement, dtype, compareDtypes = [] } = frame.settings;
  const models: VisionModel[] = [];
  const open = async (quantize: EvalSettings["dtype"], wanted: typeof reduction) => {
    const model = await createVisionModel({ config, weights, backend, quantize, reduction: wanted ?? undefined });
    models.push(model);
    return model;
  };
  const pool = openDecodePool({ preprocessing, imageSize: config.imageSize, options: decodeOptions(flags) });
  try {
    const model = await open(dtype, reduction);
    for (const notice of model.notices) say(notice);
    const unreduced = agreement ? await open(dtype, null) : undefined;
    const others: VisionModel[] = [];
    for (const other of reductions.slice(1)) others.push(await open(dtype, other.reduction));
    const dtypes: [QuantizedDtypeName, VisionModel][] = [];
    for (const compared of compareDtypes) dtypes.push([compared, await open(compared, reduction)]);
    await withProgress(
      todo.reduce((sum, { samples }) => sum + samples.length, 0),
      async (progress) => {
        const { root } = dataset;
        const kind = answerKindOf(checkpoint.name, config);
        const all = { root, batches: todo, model, kind, unreduced, reductions: others, dtypes, pool };
        for await (const entry of evaluate(all)) {
          // Written to the disk before anything else happens.
          journal?.append(entry);
          onBatch(entry);
          for (const record of entry.records) {
            if (isFailed(record)) progress.interrupt(() => say(`${record.message} [${record.code}]`));
            progress.advance();
          }
        }
      },
    );
  } finally {
    await pool.close();
    for (const model of models) await model.dispose();
  }
}

/** Writes the files before it prints, so that whoever reads the terminal can rely on them. */
function publish(report: EvalReport, { out, report: page, json }: OutputFlags): void {
  if (out !== undefined) writeFileWhole(out, `${JSON.stringify(report, null, 1)}\n`);
  if (page !== undefined) writeFileWhole(page, reportPage(report), "--report");
  if (json) printJson(report, 1);
  else print(...reportText(report).trimEnd().split("\n"));
}
