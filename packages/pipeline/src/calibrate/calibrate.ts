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
  modelCost,
  modelFingerprint,
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
import { type BlockSpread, createEvaluator, type Evaluator } from "./evaluate.js";
import { cheapest, fitPattern, patternsFor } from "./schedules.js";
import { defaultBudgets, searchSettings } from "./search.js";
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
  /** The cost that a reduction saves. Default `gmacs`. */
  readonly measure?: CostMeasure | undefined;
  /** Policies to try at the same budgets, by name or of your own; `true` for all of this package. Default false. */
  readonly compare?: boolean | readonly (PolicyName | ReductionPolicy)[] | undefined;
  /** Pictures per run of the model. Default 8. */
  readonly batch?: number | undefined;
  /** Called after each trial, on half of the pictures or on all. */
  readonly onTrial?: ((trial: Trial) => void) | undefined;
}

export interface Calibration<Input> extends Choices {
  readonly model: ModelIdentity;
  readonly backend: string;
  readonly dtype: WeightDtypeName;
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
): Promise<Calibration<Input>> {
  const { backend: wanted = automatic, batch = 8, signal, onTrial } = options;
  const { objective = "divergence", measure = "gmacs", dtype = defaultDtype } = options;
  // Trials run many pictures at once.
  const checkpoint = atOneSize(given);
  checkPreprocessing(checkpoint);
  const { config, weights } = checkpoint;
  const answers = answerKindOf(checkpoint.name, config);
  const target = options.target ?? answers.usualTarget;
  if (!answers.same && ("maxDisagreement" in target || objective === "disagreement")) refuseDisagreement();
  const budgets = budgetsFor(checkpoint, { ...options, target });
  const comparable = comparableSettings(checkpoint, budgets, options.compare ?? false);
  const { pictures, failures } = await readPictures(checkpoint, options, decode);

  const backend =
    typeof wanted === "string" ? await openBackend(wanted, { progress_callback: options.progress_callback }) : wanted;
  try {
    const evaluator = await createEvaluator(checkpoint, backend, pictures, {
      ...{ batch, signal, answers, quantize: quantizationOf(dtype) },
    });
    const tell =
      (attempt: Evaluator["decide"]): Evaluator["decide"] =>
      async (reduction) => {
        const trial = await attempt(reduction);
        onTrial?.(trial);
        return trial;
      };
    const decide = tell(evaluator.decide);
    let screened = 0;
    const screen = tell((reduction) => {
      screened++;
      return evaluator.screen(reduction);
    });
    const spreads = await evaluator.spreads();
    const trials = await searchSettings({ config, budgets, objective, spreads, screen, decide });
    const comparisons: Trial[] = [];
    for (const reduction of comparable) comparisons.push(await decide(reduction));
    return {
      model: { name: checkpoint.name, fingerprint: modelFingerprint(config, weights) },
      backend: backend.name,
      dtype,
      pictures: pictures.length,
      failures,
      answers: answers.name,
      target,
      unreduced: evaluator.unreduced,
      spreads,
      trials,
      screened,
      comparisons,
      measure,
      objective,
    };
  } finally {
    if (backend !== wanted) await backend.dispose();
  }
}

/** The budgets to search, the target's first. @throws PptError INVALID_OPTION if no schedule is that cheap */
function budgetsFor({ config }: Checkpoint, { gmacs, target, measure = "gmacs" }: CalibrateOptions<unknown>): number[] {
  const unreduced = modelCost(config).gmacs;
  const budgets = [...(gmacs ?? defaultBudgets(config))];
  if (target && ("maxDisagreement" in target || "maxDivergence" in target)) {
    // Finer steps, because the budget itself is unknown.
    return gmacs ? budgets : [...budgets, ...[0.96, 0.88, 0.79, 0.69, 0.6].map((share) => share * unreduced)];
  }
  const asked = target && ("gmacs" in target ? target.gmacs : unreduced / target.speedup);
  if (asked === undefined) return budgets;
  if (!(asked > 0 && asked < unreduced))
    throw new PptError(
      "INVALID_OPTION",
      `calibrate: ${"gmacs" in target! ? `${target.gmacs} GMACs` : "that speedup"} is no reduction: the unreduced model has ${unreduced.toFixed(3)} GMACs`,
    );
  const least = cheapest(config);
  // A time is unknown before it is measured.
  if (asked < least.gmacs && (measure === "gmacs" || "gmacs" in target!))
    throw new PptError(
      "INVALID_OPTION",
      `calibrate: no schedule reaches ${asked.toFixed(3)} GMACs; the nearest is ${least.gmacs.toFixed(3)}, ${(unreduced / least.gmacs).toFixed(2)} times less than unreduced (half of the tokens in blocks ${least.schedule.layers.join(", ")})`,
    );
  const reachable = Math.max(asked, least.gmacs);
  return [reachable, ...budgets.filter((budget) => Math.abs(budget - reachable) > 0.02 * unreduced)];
}

/** The pictures, preprocessed. @throws PptError INVALID_INPUT if none can be read */
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
  return { pictures, failures };
}

/**
 * Other policies at the budgets, in the published blocks or in every block, as their authors apply them. Policies that need
 * settings of their own are left out of `true`: there is no value to compare them at.
 * @throws PptError INVALID_REDUCTION where one is no policy
 */
function comparableSettings(
  { config }: Checkpoint,
  budgets: readonly number[],
  compare: NonNullable<CalibrateOptions<unknown>["compare"]>,
): ReductionConfig[] {
  const published = patternsFor(config.layers)[0]!.layers;
  const everyBlock = Array.from({ length: config.layers }, (_, layer) => layer);
  const others = policies.filter((policy) => policy !== defaultPolicy && needsNoSettings(policy));
  const wanted = compare === true ? others.map(({ name }) => name) : compare || [];
  return wanted.flatMap((policy) => {
    const { name, inEveryBlock } = policiesOf({ policy })[0]!;
    return budgets.flatMap((budget) => {
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
