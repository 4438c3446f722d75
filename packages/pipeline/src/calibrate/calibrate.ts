/**
 * Finds reduction settings for a checkpoint from pictures without labels: settings are judged by how far the reduced
 * model's answers lie from the unreduced model's.
 */
import {
  type Backend,
  defaultDtype,
  defaultPolicy,
  isPptError,
  type ModelIdentity,
  type PolicyName,
  PptError,
  policies,
  policiesOf,
  processImage,
  quantizationOf,
  type ReductionConfig,
  type ReductionPolicy,
  type RgbImage,
  type WeightDtypeName,
} from "@ppt-vit/core";
import { loadModelCode, modelFingerprint } from "@ppt-vit/core/loading";
import {
  type Check,
  type Checks,
  callback,
  check,
  checkOptions,
  count,
  flag,
  oneOf,
  positive,
} from "@ppt-vit/core/options";
import type { PolicySetting } from "@ppt-vit/core/policy";
import { openBackend } from "../backends/create.js";
import { automatic } from "../backends/registry.js";
import type { Checkpoint } from "../checkpoint/checkpoint.js";
import { type LoadOptions, loadChecks } from "../checkpoint/options.js";
import { atOneSize, checkPreprocessing } from "../checkpoint/resolution.js";
import { type DecodeOptions, decodeChecks } from "../pictures/options.js";
import { backendChoice, dtypeCheck } from "../tasks/options.js";
import type { PictureFailure } from "../tasks/result.js";
import { answerKindOf } from "./answers/index.js";
import { budgetsFor } from "./budgets.js";
import { fingerprintOf, withoutCopies } from "./copies.js";
import { gmacsOf, latencyCosts } from "./costs.js";
import { type BlockSpread, createEvaluator, type Evaluator, type TrialMemory } from "./evaluate.js";
import { isFor, type LatencyTable, latencyTableCheck, measureLatencies } from "./latency.js";
import { noticesAbout } from "./notices.js";
import { fitPattern, patternsFor } from "./schedules.js";
import { searchSettings } from "./search.js";
import {
  type CalibrationTarget,
  type Choices,
  type CostMeasure,
  type Objective,
  refuseDisagreement,
  type Trial,
  targetCheck,
} from "./trial.js";

export interface CalibrateOptions<Input> extends LoadOptions, DecodeOptions {
  /** Pictures of the kind that the model will see. 64 are enough; more of them narrow the interval of the disagreement. */
  readonly images: readonly Input[];
  /** A name of `backendNames`, or a backend of your own, which you dispose yourself. Default `auto`. */
  readonly backend?: string | Backend | undefined;
  /** The precision of the weights in all trials, the unreduced one included. Default `fp32`. */
  readonly dtype?: WeightDtypeName | undefined;
  /** Budgets, in GMACs of one image. The first is searched most. Default: from 92 % of the unreduced cost to 55 %. */
  readonly gmacs?: readonly number[] | undefined;
  /**
   * What settings must keep. The search looks there first. Default: `{ maxDisagreement: 0.01 }`; for a model without classes
   * `{ maxDivergence: 0.01 }`.
   */
  readonly target?: CalibrationTarget | undefined;
  /**
   * What settings are judged by. Default `divergence`: on few pictures there is rarely a disagreement. The other one,
   * `disagreement`, needs a model with classes.
   */
  readonly objective?: Objective | undefined;
  /**
   * The cost that a reduction saves. Default `gmacs`. For `latency` a table is measured on this device, with `batch` pictures per run,
   * and plans are compared by the times that it gives them.
   */
  readonly measure?: CostMeasure | undefined;
  /** Tables that were measured before. The one that fits model, backend, precision, batch and device is used again. */
  readonly latencies?: readonly LatencyTable[] | undefined;
  /** Called with a new table before the search begins, so that it can be kept: a search that goes on needs the same one. */
  readonly onLatencies?: ((table: LatencyTable) => void) | undefined;
  /** Policies to try at the same budgets, by name or of your own; `true` for all of this package. Default false. */
  readonly compare?: boolean | readonly (PolicyName | ReductionPolicy)[] | undefined;
  /** Pictures per run of the model. Default 8. */
  readonly batch?: number | undefined;
  /** Called after each trial, on half of the pictures or on all. */
  readonly onTrial?: ((trial: Trial) => void) | undefined;
  /** Called after each trial, and after each model that a table of latencies needs. */
  readonly onProgress?: ((progress: CalibrationProgress) => void) | undefined;
  /**
   * Where trials are kept, so that a search that was interrupted goes on: the same search makes the same trials. Trials of another
   * identity do not fit.
   */
  readonly memory?: ((identity: SearchIdentity) => TrialMemory) | undefined;
}

export interface CalibrationProgress {
  readonly doing: "latencies" | "trials";
  readonly done: number;
  /** About how many there will be in all. It changes while the search goes on. */
  readonly about: number;
}

/** What the outcome of a trial depends on. */
export interface SearchIdentity {
  readonly fingerprint: string;
  readonly backend: string;
  readonly dtype: string;
  readonly batch: number;
  /** Of the preprocessed pictures, in their order. */
  readonly pictures: string;
  readonly answers: string;
}

export interface Calibration<Input> extends Choices {
  readonly model: ModelIdentity;
  readonly backend: string;
  readonly dtype: WeightDtypeName;
  /** Pictures that were compared on. Copies of others are left out. */
  readonly pictures: number;
  /** What was compared: `classes`, or `embeddings` for a model without classes. */
  readonly answers: string;
  /** The target that was searched for. */
  readonly target: CalibrationTarget;
  /** Pictures that could not be read. */
  readonly failures: readonly PictureFailure<Input>[];
  /** N^2 * variance of the scores in each block, which a scale-free threshold is compared with. */
  readonly spreads: readonly BlockSpread[];
  /** Number of settings that were tried on half of the pictures alone, and are no trials here. */
  readonly screened: number;
  /** These settings. Their losses are those of the other half of the pictures. */
  readonly screenings: readonly Trial[];
  /** What makes the choice doubtful, in sentences: too few pictures, or pictures unlike those of the training. */
  readonly notices: readonly string[];
  /** The table of latencies, if latency is the cost. */
  readonly latencies?: LatencyTable | undefined;
  /** Trials of the other policies, with `compare`. */
  readonly comparisons: readonly Trial[];
}

const optionChecks: Omit<Checks<CalibrateOptions<unknown>>, "images"> = {
  ...loadChecks,
  ...decodeChecks,
  batch: count(),
  backend: backendChoice,
  dtype: dtypeCheck,
  gmacs: check(
    "an array of numbers above 0",
    (value) => Array.isArray(value) && value.length > 0 && Array.from(value).every(positive.holds),
  ),
  target: targetCheck,
  objective: oneOf(["divergence", "disagreement"]),
  measure: oneOf(["gmacs", "latency"]),
  compare: check("true, false or an array of policies", (value) => flag.holds(value) || Array.isArray(value)),
  onTrial: callback,
  onProgress: callback,
  onLatencies: callback,
  memory: callback,
  latencies: check(
    `an array, each ${latencyTableCheck.expected}`,
    (value) => Array.isArray(value) && Array.from(value).every(latencyTableCheck.holds),
  ),
};
const misnamed = {
  speedup: "write target: { speedup }",
  maxDisagreement: "write target: { maxDisagreement }",
  maxDivergence: "write target: { maxDivergence }",
  reduction: "calibration finds it",
};

/** The options of `calibrate`; `images` says what a platform takes. @throws PptError INVALID_OPTION */
export const calibrateOptions = <Input>(given: CalibrateOptions<Input>, images: Check): CalibrateOptions<Input> =>
  checkOptions("calibrate", given, { ...optionChecks, images }, { required: ["images"], misnamed });

/**
 * Tries settings on a checkpoint, with pictures that `decode` reads.
 * @throws PptError INVALID_INPUT if no picture can be read; INVALID_OPTION for a target that nothing can reach;
 * INVALID_CONFIG for a classifier without single-label answers
 */
export async function calibrateCheckpoint<Input>(
  given: Checkpoint,
  options: CalibrateOptions<Input>,
  decode: (input: Input, options: DecodeOptions) => Promise<RgbImage>,
  device: string,
): Promise<Calibration<Input>> {
  const { backend: wanted = automatic, batch = 8, signal, onTrial, onProgress } = options;
  const { objective = "divergence", measure = "gmacs", dtype = defaultDtype } = options;
  // Trials run many pictures at once.
  const checkpoint = atOneSize(given);
  checkPreprocessing(checkpoint);
  const { config, weights } = checkpoint;
  await loadModelCode(config, weights);
  const answers = answerKindOf(checkpoint.name, config);
  const target = options.target ?? answers.usualTarget;
  if (!answers.same && ("maxDisagreement" in target || objective === "disagreement")) refuseDisagreement();
  // A budget in GMACs is kept in GMACs, whatever the front is drawn over.
  const byTime = measure === "latency" && !options.gmacs && !("gmacs" in target);
  const { gmacs } = options;
  const known = byTime ? undefined : budgetsFor(gmacsOf(config), { gmacs, target, measure: "gmacs" });
  const { pictures, copies, failures } = await readPictures(checkpoint, options, decode);

  const backend =
    typeof wanted === "string" ? await openBackend(wanted, { progress_callback: options.progress_callback }) : wanted;
  try {
    const fingerprint = modelFingerprint(config, weights);
    const shared = { fingerprint, backend: backend.name, dtype, batch };
    const quantize = quantizationOf(dtype);
    const latencies =
      measure === "latency"
        ? await latenciesOf(checkpoint, backend, { identity: { ...shared, device }, quantize }, options)
        : undefined;
    const byTable = latencies && latencyCosts(config, latencies);
    const costs = byTime && byTable ? byTable : gmacsOf(config);
    const budgets = known ?? budgetsFor(costs, { target, measure });
    const shares = budgets.map((budget) => budget / costs.unreduced);
    const comparable = comparableSettings(checkpoint, shares, options.compare ?? false);
    const evaluator = await createEvaluator(checkpoint, backend, pictures, {
      ...{ batch, signal, answers, quantize },
      ...(byTable && {
        estimate: (reduction: ReductionConfig | undefined) => (reduction ? byTable.of(reduction) : byTable.unreduced),
      }),
      memory: options.memory?.({
        ...shared,
        pictures: pictures.map((picture) => (fingerprintOf(picture) >>> 0).toString(16)).join("-"),
        answers: answers.name,
      }),
    });
    let done = 0;
    let about = 1;
    const tell =
      (attempt: Evaluator["decide"]): Evaluator["decide"] =>
      async (reduction) => {
        const trial = await attempt(reduction);
        onTrial?.(trial);
        onProgress?.({ doing: "trials", done: ++done, about: Math.max(done, about) });
        return trial;
      };
    const decide = tell(evaluator.decide);
    const screenings: Trial[] = [];
    const screen = tell(async (reduction) => {
      const trial = await evaluator.screen(reduction);
      screenings.push(trial);
      return trial;
    });
    const expect = (trials: number) => {
      about = trials + comparable.length;
    };
    const spreads = await evaluator.spreads();
    const trials = await searchSettings({ costs, budgets, objective, spreads, screen, decide, expect });
    if (trials.length === 0)
      throw new PptError(
        "INVALID_OPTION",
        `calibrate: no settings reach any of the budgets${byTime ? ": by the table of latencies, reducing tokens saves too little time here" : ""}`,
      );
    const comparisons: Trial[] = [];
    for (const reduction of comparable) comparisons.push(await decide(reduction));
    return {
      model: { name: checkpoint.name, fingerprint },
      backend: backend.name,
      dtype,
      pictures: pictures.length,
      failures,
      answers: answers.name,
      target,
      unreduced: evaluator.unreduced,
      spreads,
      trials,
      screened: screenings.length,
      screenings,
      comparisons,
      notices: noticesAbout({ pictures, copies, answers: evaluator.answers, kind: answers, labels: config.labels }),
      ...(latencies && { latencies }),
      measure,
      objective,
    };
  } finally {
    if (backend !== wanted) await backend.dispose();
  }
}

/** The table that was given for this, or a new one. */
async function latenciesOf(
  checkpoint: Checkpoint,
  backend: Backend,
  what: Pick<Parameters<typeof measureLatencies>[2], "identity" | "quantize">,
  { latencies = [], signal, onProgress, onLatencies }: CalibrateOptions<unknown>,
): Promise<LatencyTable> {
  const known = latencies.find((table) => isFor(table, what.identity));
  if (known) return known;
  const onModel = (done: number, about: number) => onProgress?.({ doing: "latencies", done, about });
  const table = await measureLatencies(checkpoint, backend, { ...what, signal, onModel });
  onLatencies?.(table);
  return table;
}

/** The pictures, preprocessed, each once. @throws PptError INVALID_INPUT if none can be read */
async function readPictures<Input>(
  { name, preprocessing }: Checkpoint,
  options: CalibrateOptions<Input>,
  decode: (input: Input, options: DecodeOptions) => Promise<RgbImage>,
) {
  const pictures: Float32Array[] = [];
  const failures: PictureFailure<Input>[] = [];
  for (const input of options.images) {
    options.signal?.throwIfAborted();
    try {
      pictures.push(processImage(await decode(input, options), preprocessing).data);
    } catch (error) {
      if (!isPptError(error)) throw error;
      failures.push({ input, error });
    }
  }
  if (pictures.length === 0)
    throw new PptError(
      "INVALID_INPUT",
      `${name}: calibration needs pictures, and none of ${options.images.length} could be read${failures[0] ? ` (${failures[0].error.message})` : ""}`,
    );
  const distinct = withoutCopies(pictures);
  return { pictures: distinct, copies: pictures.length - distinct.length, failures };
}

/**
 * Other policies at these shares of the unreduced multiply-accumulates, in the published blocks or in every block, as their authors apply them. Policies that need
 * settings of their own are left out of `true`: there is no value to compare them at.
 * @throws PptError INVALID_REDUCTION where one is no policy
 */
function comparableSettings(
  { config }: Checkpoint,
  shares: readonly number[],
  compare: NonNullable<CalibrateOptions<unknown>["compare"]>,
): ReductionConfig[] {
  const published = patternsFor(config.layers)[0]!.layers;
  const everyBlock = Array.from({ length: config.layers }, (_, layer) => layer);
  const others = policies.filter((policy) => policy !== defaultPolicy && needsNoSettings(policy));
  const wanted = compare === true ? others.map(({ name }) => name) : compare || [];
  return wanted.flatMap((policy) => {
    const { name, inEveryBlock } = policiesOf({ policy })[0]!;
    return shares.flatMap((share) => {
      const budget = share * gmacsOf(config).unreduced;
      const layers = inEveryBlock ? everyBlock : published;
      const schedule = fitPattern(config, { name, layers, shape: "counts" }, budget);
      return schedule ? [{ ...schedule, policy }] : [];
    });
  });
}

const needsNoSettings = ({ settings = {} }: ReductionPolicy): boolean =>
  Object.values(settings as Readonly<Record<string, PolicySetting<unknown>>>).every(
    (setting) => setting.parse(undefined) !== undefined,
  );
