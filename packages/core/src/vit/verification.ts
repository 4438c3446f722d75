/** Checks that a model computes the same on two backends, with a fixed input and the logits that one of them gave. */
import { requireConfig } from "../arguments.js";
import { PptError, reasonOf } from "../errors.js";
import { arrayOf, checkArgument, isPlain, positive, seedCheck, shaped } from "../options.js";
import { describeReduction } from "../reduction/describe.js";
import type { ResolvedReduction, ResolvedStage } from "../reduction/schedule.js";
import type { ReductionConfig } from "../reduction/settings.js";
import type { VisionModelConfig } from "./config.js";
import type { VisionModel, VisionOutput } from "./model.js";
import { resolveFor } from "./plan.js";
import type { VerificationRecord } from "./verification-records.js";

/** A depth map has a value for each pixel, and a record lies beside the checkpoint, so it holds no more than this many. */
const longestAnswer = 1024;

function answerOf({ logits, embedding, predictedDepth }: VisionOutput): Float32Array {
  if (!predictedDepth) return (embedding ?? logits).data;
  const { data } = predictedDepth;
  const step = Math.ceil(data.length / longestAnswer);
  return Float32Array.from({ length: Math.ceil(data.length / step) }, (_, i) => data[i * step]!);
}

/** The result of a comparison that passed. */
export interface Verification {
  /** The largest difference of a logit, relative to the largest recorded magnitude. */
  readonly difference: number;
  readonly tolerance: number;
}

/** [1, channels, H, W], noise between -2 and 2 that is the same on every machine. */
export function verificationInput(config: VisionModelConfig, seed: number): Float32Array {
  requireConfig("verificationInput", config);
  checkArgument("verificationInput", "seed", seed, seedCheck, "INVALID_OPTION");
  const { channels, imageSize } = config;
  return Float32Array.from({ length: channels * imageSize[0] * imageSize[1] }, (_, i) => {
    // An integer hash, because floating-point functions may differ between machines.
    let hash = Math.imul(i + 1, 0x9e3779b1) ^ Math.imul(seed, 0x85ebca6b);
    hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
    hash = Math.imul(hash ^ (hash >>> 12), 0x297a2d39);
    return ((hash ^ (hash >>> 15)) >>> 0) / 2 ** 30 - 2;
  });
}

/** Numbers this near count as the same setting. Far below `decisionMargin`, so both decide alike on recorded inputs. */
const sameSetting = 1e-6;

/** Whether two settings are equal, apart from rounding and the order of fields. */
function sameSettings(a: unknown, b: unknown): boolean {
  if (Number.isFinite(a) && Number.isFinite(b))
    return Math.abs((a as number) - (b as number)) <= sameSetting * Math.abs(b as number);
  // Nothing is known of what a policy's own classes hold.
  if (!isPlain(a) || !isPlain(b)) return Object.is(a, b);
  const names = Object.keys(a);
  return names.length === Object.keys(b).length && names.every((name) => sameSettings(a[name], b[name]));
}

const sameStage = (a: ResolvedStage, b: ResolvedStage): boolean =>
  a.policy === b.policy &&
  (["layer", "tokensIn", "tokensOut", "protectedTokens", "score", "metric"] as const).every(
    (name) => a[name] === b[name],
  ) &&
  sameSettings(a.settings, b.settings);

/** Whether two reductions compute the same. */
function sameReduction(a: ResolvedReduction, b: ResolvedReduction): boolean {
  if (a.stages.length !== b.stages.length || !a.stages.every((stage, i) => sameStage(stage, b.stages[i]!)))
    return false;
  // Without merging every size stays 1 and its logarithm 0, so proportional attention changes nothing.
  const merges = a.stages.some(({ action }) => action !== "prune");
  return !merges || a.proportionalAttention === b.proportionalAttention;
}

/**
 * Finds the record of a reduction. Settings count as the same if they resolve to the same stages for this model. A count of
 * tokens thus equals a share, an absolute threshold a scale-free one, and a default an omitted field.
 * @throws PptError INVALID_CONFIG if a record's settings do not fit this model
 */
export function findVerificationRecord(
  records: readonly VerificationRecord[],
  reduction: ReductionConfig | ResolvedReduction | undefined,
  config: VisionModelConfig,
): VerificationRecord | undefined {
  checkArgument(
    "findVerificationRecord",
    "records",
    records,
    arrayOf("records, as parseVerificationRecords() makes them", recordCheck.holds),
  );
  requireConfig("findVerificationRecord", config);
  const wanted = resolveFor(config, reduction);
  return records.find((record, i) => {
    let recorded: ResolvedReduction;
    try {
      recorded = resolveFor(config, record.reduction ?? undefined);
    } catch (cause) {
      const reason = reasonOf(cause);
      throw new PptError("INVALID_CONFIG", `verification records: record ${i} is not for this model: ${reason}`, {
        cause,
      });
    }
    return sameReduction(wanted, recorded);
  });
}

const modelCheck = shaped("a model, as createVisionModel() makes it", {
  config: (value) => typeof value === "object",
  run: (value) => typeof value === "function",
});
const recordCheck = shaped("a record, as recordVerification() makes it", {
  seed: seedCheck.holds,
  logits: (value) => Array.isArray(value) && value.length > 0,
});

/** If a variance is nearer to its threshold than this share of it, another backend may decide the other way. */
const decisionMargin = 0.01;
const seedsTried = 32;

/**
 * Runs a model on noise inputs, and records the first one on which no stage's decision is close.
 * @throws PptError INVALID_INPUT if every input is too close to a threshold
 */
export async function recordVerification(
  model: VisionModel,
  reduction: ReductionConfig | ResolvedReduction | undefined,
): Promise<VerificationRecord> {
  checkArgument("recordVerification", "model", model, modelCheck);
  const { config } = model;
  const { stages, settings = null } = resolveFor(config, reduction);
  for (let seed = 1; seed <= seedsTried; seed++) {
    const output = await model.run({ pixelValues: verificationInput(config, seed), batch: 1 });
    const clear = stages.every(
      ({ decidesAt }, i) =>
        decidesAt === undefined || Math.abs(output.stages[i]!.variances[0]! - decidesAt) > decisionMargin * decidesAt,
    );
    if (clear) return { seed, reduction: settings, logits: Array.from(answerOf(output)) };
  }
  throw new PptError(
    "INVALID_INPUT",
    `verification: ${seedsTried} noise inputs all lie within ${decisionMargin} of a threshold of ${settings ? describeReduction(settings) : "no reduction"}: choose another threshold`,
  );
}

/**
 * Compares a model with a record. `tolerance` is relative to the largest recorded logit.
 * @throws PptError VERIFICATION_FAILED if they differ by more
 */
export async function verifyModel(
  model: VisionModel,
  record: VerificationRecord,
  tolerance: number,
): Promise<Verification> {
  checkArgument("verifyModel", "model", model, modelCheck);
  checkArgument("verifyModel", "record", record, recordCheck);
  checkArgument("verifyModel", "tolerance", tolerance, positive, "INVALID_OPTION");
  const { seed, logits: recorded } = record;
  const logits = answerOf(await model.run({ pixelValues: verificationInput(model.config, seed), batch: 1 }));
  if (recorded.length !== logits.length)
    throw new PptError(
      "VERIFICATION_FAILED",
      `the model gave ${logits.length} logits, ${recorded.length} were recorded: the record belongs to another model`,
    );
  const largest = recorded.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const distances = recorded.map((value, i) => Math.abs(logits[i]! - value));
  const furthest = distances.reduce((most, distance) => Math.max(most, distance), 0);
  const difference = furthest === 0 ? 0 : furthest / largest;
  // The negated comparison makes NaN fail too.
  if (distances.some(Number.isNaN) || !(difference <= tolerance))
    throw new PptError(
      "VERIFICATION_FAILED",
      `the logits of a known input are ${difference.toExponential(1)} of the largest away from the recorded ones, at most ${tolerance} is allowed: this device or its driver computes wrongly, choose another backend; or the record belongs to other weights`,
    );
  return { difference, tolerance };
}
