/** `ppt-vit bench`: contenders, models, reductions and batches against each other on this machine. */
import { dirname } from "node:path";
import { PptError } from "@ppt-vit/core";
import { makeFolder, readReduction } from "@ppt-vit/pipeline";
import { complainer } from "../../documents/schema.js";
import { writeError } from "../../files/errors.js";
import { requireWritable, writeFileWhole } from "../../files/write-file.js";
import { print, printJson, say } from "../../output/print.js";
import { withStatus } from "../../output/progress.js";
import { floatsOf } from "./accuracy.js";
import { requireContender } from "./contenders/index.js";
import { checkDocument, fileForResult, type Recorded, writeDocument } from "./documents.js";
import { requireGeometry } from "./geometries.js";
import { measureGroup, schedule } from "./group.js";
import { fetchModel, requireModelName } from "./model.js";
import { loadBenchmark, loadContenders, nameOfModule } from "./modules.js";
import { measurePeakMatmul } from "./peak.js";
import type { ReductionName, WantedReduction } from "./reductions.js";
import { renderReport } from "./report.js";
import { type BenchDocument, type CellFailure, type CellResult, format } from "./schema.js";
import { resultTable } from "./table.js";
import { currentCommit, describeHardware, installedVersions } from "./versions.js";

/** Where a result goes. */
interface OutputFlags {
  readonly out?: string;
  readonly report?: string;
  readonly json: boolean;
}

/** A flag that was not given takes its value from `everyday`, or from `quick` with `--quick`. */
export interface BenchFlags extends OutputFlags {
  readonly backends?: readonly string[];
  readonly models?: readonly string[];
  readonly policies?: readonly ReductionName[];
  /** Names and files of settings. With them, `policies` are the unreduced model alone by default. */
  readonly reduction?: readonly string[];
  readonly batches?: readonly number[];
  readonly seconds?: number;
  readonly contenders?: readonly string[];
  readonly reference?: string;
  readonly quick: boolean;
}

type Plan = Required<Pick<BenchFlags, "backends" | "models" | "policies" | "batches" | "seconds">>;

/** Backends that run in Node without a GPU, and transformers.js, the usual way to run a Vision Transformer in JavaScript. */
const everyday: Plan = {
  backends: ["cpu", "onnx-cpu", "onnx-wasm", "tfjs-wasm", "transformers.js"],
  // The slow model goes first: its overruns shorten the fast model's rounds.
  models: ["deit-s", "demo"],
  policies: ["unreduced", "ppt"],
  batches: [1, 8],
  seconds: 120,
};

/** Two groups within two minutes, with time to spare. */
const quick: Plan = { ...everyday, batches: [1], seconds: 50 };

/**
 * Measures group by group: the cells of one model and one batch take turns.
 * -> exit code, 1 where nothing could be measured
 * @throws PptError UNKNOWN_BACKEND, INVALID_OPTION, NOT_FOUND, INVALID_REDUCTION before anything is measured
 */
export async function benchCommand(flags: BenchFlags): Promise<0 | 1> {
  const { contenders = [], reference, reduction: settings = [] } = flags;
  const usual = flags.quick ? quick : everyday;
  const defaults: Plan = settings.length > 0 ? { ...usual, policies: ["unreduced"] } : usual;
  const given = Object.fromEntries(Object.entries(flags).filter(([, value]) => value !== undefined));
  const { backends, models, policies, batches, seconds }: Plan = { ...defaults, ...given };
  const columns: readonly WantedReduction[] = [
    ...policies.map((policy) => ({ policy })),
    ...settings.map((name) => ({ policy: name, reduction: readReduction(name) })),
  ];
  const added = (await Promise.all(contenders.map(loadContenders))).flat();
  const floats = new Map<string, string>();
  for (const backend of backends) {
    const exact = floatsOf(await requireContender(backend, added));
    if (exact !== undefined) floats.set(backend, exact);
  }
  if (reference !== undefined && !backends.includes(reference))
    throw new PptError("INVALID_OPTION", `--reference ${reference}: is not among --backends ${backends.join(",")}`);
  for (const model of models) requireModelName(model);
  const benchmark = contenders.length > 0 ? nameOfModule(contenders[0]!) : "runs";
  const finish = prepareOutput(flags, benchmark);
  for (const model of models) await fetchModel(model);

  const results: CellResult[] = [];
  const failures: CellFailure[] = [];
  const groups = models.flatMap((model) => batches.map((batch) => ({ model, batch })));
  const end = performance.now() + groups.length * seconds * 1000;
  for (const [at, { model, batch }] of groups.entries()) {
    const cells = backends.flatMap((backend) => columns.map((column) => ({ backend, model, ...column, batch })));
    // The groups that follow share the time that this one leaves over.
    const limitMs = (end - performance.now()) / (groups.length - at);
    const measured = await measureGroup({ cells, contenders, floats, reference, first: settings[0] }, limitMs);
    results.push(...measured.results);
    failures.push(...measured.failures);
  }
  finish({
    settings: { secondsPerGroup: seconds, ...schedule },
    peakMatmulGflops: await measurePeakMatmul(),
    results,
    measurements: [],
    failures,
  });
  return results.length > 0 ? 0 : 1;
}

/** `ppt-vit bench --benchmark FILE`: a module's own measure, recorded like every other. @throws PptError INVALID_OPTION */
export async function benchmarkCommand(
  flags: OutputFlags & { readonly benchmark: string; readonly set: Readonly<Record<string, string>> },
): Promise<void> {
  const benchmark = await loadBenchmark(flags.benchmark);
  const finish = prepareOutput(flags, nameOfModule(flags.benchmark));
  const { settings, measurements } = await withStatus((tell) =>
    benchmark.measure({ settings: flags.set, tell, geometry: requireGeometry }),
  );
  finish({ settings, peakMatmulGflops: null, results: [], measurements, failures: [] });
}

type Measured = Pick<BenchDocument, "settings" | "peakMatmulGflops" | "results" | "measurements" | "failures">;

/** Checks, before anything is measured, that the result can be written. The returned function records and prints it. */
function prepareOutput({ out, report, json }: OutputFlags, benchmark: string): (measured: Measured) => void {
  const file = out === undefined ? undefined : fileForResult(out, benchmark);
  if (report !== undefined) prepareReport(report);
  const date = new Date().toISOString();
  // Asked now, because the load is that of the minute before.
  const hardware = describeHardware();
  return (measured) => {
    const frame = { format, version: 2, benchmark, date, ...currentCommit(), versions: installedVersions(), hardware };
    const document = checkDocument({ ...frame, ...measured }, complainer(benchmark));
    const recorded = file === undefined ? undefined : writeDocument(file, document);
    if (report !== undefined) writeReport(report, { documents: [document], others: [] });
    if (json) printJson(document, 1);
    else print(...resultTable(document).trimEnd().split("\n"));
    if (recorded !== undefined) say(`recorded in ${recorded}`);
  };
}

/** Makes the folder of a report, before the work whose result it is to hold. @throws PptError WRITE_FAILED */
export function prepareReport(file: string): void {
  try {
    makeFolder(dirname(file));
  } catch (cause) {
    throw writeError(file, cause, "--report");
  }
  requireWritable(file, "--report");
}

export const writeReport = (file: string, recorded: Recorded): void =>
  writeFileWhole(file, renderReport(recorded), "--report");
