/** Chooses a backend: by platform, by what is installed, by whether it computes correctly, and by measurement. */

import {
  type Backend,
  isPptError,
  PptError,
  type QuantizedDtypeName,
  quantizationOf,
  type ReductionConfig,
  reasonOf,
  type WeightDtypeName,
  weightDtypeNames,
} from "@ppt-vit/core";
import { createVisionModel } from "@ppt-vit/core/loading";
import { verificationInput } from "@ppt-vit/core/on-demand";
import { arrayOf, type Checks, callback, checkOptions, flag, object, oneOf, shaped, text } from "@ppt-vit/core/options";
import { type Checkpoint, checkpointCheck } from "../checkpoint/checkpoint.js";
import { type FasterBackend, fasterThan } from "./faster.js";
import { type KeptChecks, keptChecks, type SelectionCache } from "./kept-checks.js";
import { thisMachine } from "./machine.js";
import { currentPlatform, type GpuSupport, type Platform } from "./platform.js";
import { describeBackends, descriptionOf, openNamed } from "./registry.js";
import { checkBackend } from "./self-check.js";
import { installOf } from "./unavailable.js";

export type { FasterBackend } from "./faster.js";
export type { SelectionCache } from "./kept-checks.js";

/** Options of `selectBackend`. */
export interface SelectOptions {
  /** Names of `backendNames`, best first. Default: all that have a rank on this platform. */
  readonly candidates?: readonly string[] | undefined;
  /** The precision of the weights that the backend is for. How it computes with them is checked, too. Default `fp32`. */
  readonly dtype?: WeightDtypeName | undefined;
  /** Measures every candidate that works on this model, and takes the fastest instead of the first. */
  readonly measure?:
    | {
        readonly checkpoint: Checkpoint;
        readonly reduction?: ReductionConfig | undefined;
      }
    | undefined;
  /**
   * Keeps results, such as `localStorage`. Default: measurements are kept until this process or page ends, and checks on this
   * machine (`PPT_VIT_CACHE_DIR`, else the user's cache folder; in browsers Cache storage).
   */
  readonly cache?: SelectionCache | undefined;
  /** Checks and measures again what is remembered. The new results are remembered. Default: false. */
  readonly recheck?: boolean | undefined;
}

/** The result for one candidate. */
export interface CandidateReport {
  readonly name: string;
  readonly outcome: "chosen" | "works" | "failed" | "passed over" | "not tried";
  readonly reason: string;
  /** The command that installs it, if it is not installed. */
  readonly install?: string;
  /** Time of one image in milliseconds, if it was measured. */
  readonly imageMs?: number;
}

/** The backend that `selectBackend` chose, and why. */
export interface BackendChoice {
  /** A name for `createBackend` and `fromPretrained`. */
  readonly backend: string;
  /** One sentence for people. */
  readonly reason: string;
  readonly candidates: readonly CandidateReport[];
  /** A backend that would be faster by recorded measurements and is not installed. */
  readonly faster?: FasterBackend;
}

/** The surroundings of a selection. Tests simulate platforms with it. */
export interface SelectionHost {
  readonly platform: Platform;
  create(name: string): Promise<Backend>;
  /** Milliseconds. */
  now(): number;
  /** In Node, as `process.platform` and `process.arch`: `linux-x64`. */
  system?(): string;
  /** Checks that were made before. Without it, every candidate is checked. */
  readonly kept?: KeptChecks;
}

const memory = new Map<string, string>();
const memoryCache: SelectionCache = {
  getItem: (key) => memory.get(key) ?? null,
  setItem: (key, value) => void memory.set(key, value),
};

const optionChecks: Checks<SelectOptions> = {
  candidates: arrayOf("names of backends", text.holds),
  dtype: oneOf(weightDtypeNames),
  measure: shaped("{ checkpoint }, as readCheckpoint() gives it, and a reduction where one is wanted", {
    checkpoint: checkpointCheck.holds,
    reduction: (value) => value === undefined || object.holds(value),
  }),
  cache: shaped("a store { getItem, setItem }, as localStorage is", {
    getItem: callback.holds,
    setItem: callback.holds,
  }),
  recheck: flag,
};
const misnamed = { backends: "write 'candidates'", backend: "write 'candidates', an array of names" };

/** What `selectBackend` of create.ts does. */
export async function selectBackend(options: SelectOptions): Promise<BackendChoice> {
  const checked = checkOptions("selectBackend", options, optionChecks, { misnamed });
  return selectOn(await thisHost(checked.cache), checked);
}

/**
 * The backend of `selectBackend({ dtype })`, as it was opened and checked. `create` opens a candidate.
 * @throws PptError BACKEND_UNAVAILABLE
 */
export const openBest = async (
  dtype: WeightDtypeName | undefined,
  create: SelectionHost["create"] = openNamed,
): Promise<OpenedChoice> => openOn({ ...(await thisHost()), create }, { dtype });

async function thisHost(cache?: SelectionCache): Promise<SelectionHost> {
  const platform = await currentPlatform();
  const { facts, system, store } = thisMachine();
  return {
    platform,
    create: openNamed,
    now: () => performance.now(),
    ...(system && { system }),
    kept: keptChecks(cache ?? store, platform, facts),
  };
}

/** Names of `backendNames`, best first: the backends with a rank on this kind of platform. */
export const candidatesOf = (kind: Platform["kind"]): readonly string[] =>
  describeBackends()
    .flatMap(({ name, rank, runsIn }) => {
      const position = rank?.[kind];
      return position === undefined || runsIn?.includes(kind) === false ? [] : [{ name, position }];
    })
    .sort((a, b) => a.position - b.position)
    .map(({ name }) => name);

/** Why a candidate is not worth trying on this platform. */
function obstacle(name: string, platform: Platform): string | undefined {
  // In Node nothing tells about GPUs before a runtime is loaded, so the self-check decides.
  if (platform.kind === "node") return undefined;
  const needs = descriptionOf(name)?.needs;
  if (needs !== "webgpu" && needs !== "webgl") return undefined;
  const gpu: GpuSupport = platform[needs];
  if (gpu.kind === "none") return gpu.reason;
  if (gpu.kind === "software") return `only a software GPU (${gpu.name}), which is slower than the CPU itself`;
  return undefined;
}

/** A choice with the backend itself, which the caller disposes. */
export interface OpenedChoice {
  readonly choice: BackendChoice;
  readonly backend: Backend;
}

/** `selectBackend` in given surroundings. */
export async function selectOn(host: SelectionHost, options: SelectOptions): Promise<BackendChoice> {
  const { choice, backend } = await openOn(host, options);
  await backend.dispose();
  return choice;
}

/** As `selectOn`, but the chosen backend stays open. */
export async function openOn(host: SelectionHost, options: SelectOptions): Promise<OpenedChoice> {
  const { measure, cache = memoryCache, recheck = false } = options;
  const quantize = quantizationOf(options.dtype);
  const names = options.candidates ?? candidatesOf(host.platform.kind);
  const key = measure && cacheKey(host.platform, names, measure, quantize);
  const remembered = key === undefined || recheck ? null : await cache.getItem(key);
  if (remembered !== null && names.includes(remembered)) {
    // Since then the runtime may have been removed, or replaced by a version that computes wrongly.
    const { report, backend } = await tryCandidate(host, remembered, { quantize });
    if (backend)
      return {
        backend,
        choice: {
          backend: remembered,
          reason: `${remembered} was the fastest when this model was measured here before`,
          candidates: [{ ...report, outcome: "chosen" }],
        },
      };
  }

  const reports: CandidateReport[] = [];
  let best: Working | undefined;
  for (const name of names) {
    const why = obstacle(name, host.platform);
    if (best && !measure) reports.push({ name, outcome: "not tried", reason: "a better candidate works" });
    else if (why !== undefined) reports.push({ name, outcome: "passed over", reason: why });
    else {
      const tried = await tryCandidate(host, name, { measure, recheck, quantize });
      reports.push(tried.report);
      if (tried.backend) best = await better(best, tried);
    }
  }
  if (!best) throw nothingWorks(reports);
  const { report: chosen, backend } = best;
  try {
    if (key !== undefined) await cache.setItem(key, chosen.name);
  } catch (error) {
    await backend.dispose();
    throw error;
  }
  const missing = reports.flatMap(({ name, install }) => (install === undefined ? [] : [{ backend: name, install }]));
  const faster = fasterThan(chosen.name, missing, host.platform.kind, () => host.system?.());
  return {
    backend,
    choice: {
      backend: chosen.name,
      reason: explain(chosen, reports, host.platform),
      ...(faster && { faster }),
      candidates: reports.map((report) => (report === chosen ? { ...report, outcome: "chosen" } : report)),
    },
  };
}

/** The error says what to install before it gives the reasons, of which there may be many. */
function nothingWorks(reports: readonly CandidateReport[]): PptError {
  if (reports.length === 0)
    return new PptError(
      "BACKEND_UNAVAILABLE",
      "no backend can be chosen automatically here: name one, or register one with a rank for this platform",
    );
  const install = reports.find((report) => report.install !== undefined)?.install;
  const advice = install === undefined ? "" : `, the best would be ${install}`;
  const reasons = reports.map(({ name, reason }) => `${name}: ${reason}`).join("; ");
  return new PptError("BACKEND_UNAVAILABLE", `no backend works here${advice}: ${reasons}`);
}

/** Keeps the faster one, the first where they are equally fast, and disposes the other. */
async function better(first: Working | undefined, second: Working): Promise<Working> {
  if (!first) return second;
  const isFirst = (first.report.imageMs ?? 0) <= (second.report.imageMs ?? 0);
  await (isFirst ? second : first).backend.dispose();
  return isFirst ? first : second;
}

/** A result holds for one model on one kind of platform: versions of runtime and driver are not known everywhere. */
function cacheKey(
  { kind, crossOriginIsolated, webgpu, webgl }: Platform,
  names: readonly string[],
  { checkpoint: { name, config }, reduction }: Measured,
  quantize: QuantizedDtypeName | undefined,
): string {
  const { hiddenSize, layers, imageSize } = config;
  return `ppt-vit.backend:${JSON.stringify([kind, crossOriginIsolated, webgpu, webgl, names, name, hiddenSize, layers, imageSize, reduction, ...(quantize ? [quantize] : [])])}`;
}

/** A candidate that works, still open. */
interface Working {
  readonly report: CandidateReport;
  readonly backend: Backend;
}

type Measured = NonNullable<SelectOptions["measure"]>;

interface TryOptions extends Pick<SelectOptions, "measure" | "recheck"> {
  readonly quantize: QuantizedDtypeName | undefined;
}

async function tryCandidate(
  host: SelectionHost,
  name: string,
  { measure, recheck = false, quantize }: TryOptions,
): Promise<Working | { readonly report: CandidateReport; readonly backend?: never }> {
  let backend: Backend | undefined;
  try {
    backend = await host.create(name);
    const checked = await checkOnce(host, name, backend, recheck, quantize);
    if (!measure) return { report: { name, outcome: "works", reason: checked }, backend };
    const imageMs = await timeImage(backend, measure, quantize, host.now);
    const reason = `${checked}, ${imageMs.toFixed(0)} ms an image`;
    return { report: { name, outcome: "works", reason, imageMs }, backend };
  } catch (error) {
    try {
      await backend?.dispose();
    } catch {
      // A backend that cannot compute may fail to dispose, too. The first error is the one to report.
    }
    const install = backend ? undefined : installOf(error);
    return { report: { name, outcome: "failed", reason: reasonOf(error), ...(install !== undefined && { install }) } };
  }
}

/**
 * Checks a backend unless it was checked here before. Only right and wrong logits are remembered: other errors, such as a lack of
 * memory, may pass.
 * @returns what was found, in words
 * @throws PptError VERIFICATION_FAILED if its logits are wrong, or were when it was checked; what running the model throws
 */
async function checkOnce(
  { kept }: SelectionHost,
  name: string,
  backend: Backend,
  recheck: boolean,
  quantize: QuantizedDtypeName | undefined,
): Promise<string> {
  const { runtime } = backend;
  const known = runtime === undefined || recheck ? undefined : await kept?.find(name, runtime, quantize);
  if (known) {
    const found = `${known.found}, checked here on ${new Date(known.at).toISOString().slice(0, 10)}`;
    if (known.works) return found;
    throw new PptError("VERIFICATION_FAILED", `${found}; it is checked again a day later, or with recheck: true`);
  }
  const keep = async (works: boolean, found: string) => {
    if (runtime !== undefined) await kept?.keep(name, runtime, { works, found }, quantize);
    return found;
  };
  try {
    const { difference } = await checkBackend(backend, quantize);
    return await keep(true, `computes rightly (${difference.toExponential(1)} from the recorded logits)`);
  } catch (error) {
    if (isPptError(error) && error.code === "VERIFICATION_FAILED") await keep(false, error.message);
    throw error;
  }
}

const measuredRuns = 3;

/** Milliseconds: the fastest of a few runs of one image, after one that warms up. */
async function timeImage(
  backend: Backend,
  { checkpoint: { config, weights }, reduction }: Measured,
  quantize: QuantizedDtypeName | undefined,
  now: SelectionHost["now"],
): Promise<number> {
  const model = await createVisionModel({ config, weights, backend, reduction, quantize });
  try {
    const pixelValues = verificationInput(config, 1);
    await model.run({ pixelValues, batch: 1 });
    let fastest = Number.POSITIVE_INFINITY;
    for (let i = 0; i < measuredRuns; i++) {
      const start = now();
      await model.run({ pixelValues, batch: 1 });
      fastest = Math.min(fastest, now() - start);
    }
    return fastest;
  } finally {
    await model.dispose();
  }
}

function explain(best: CandidateReport, reports: readonly CandidateReport[], platform: Platform): string {
  const how = best.imageMs === undefined ? "is the best that works here" : "is the fastest that works here";
  const before = reports.slice(0, reports.indexOf(best)).filter(({ outcome }) => outcome !== "works");
  const others = before.map(({ name, reason }) => `${name}: ${reason}`);
  const threads =
    descriptionOf(best.name)?.needs === "webassembly" && !platform.crossOriginIsolated
      ? [
          "WebAssembly has one thread only: send the headers Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp for more",
        ]
      : [];
  return [`${best.name} ${how}`, ...others, ...threads].join("; ");
}
