/** Checks a loaded model against what it is known to compute. */
import {
  type Backend,
  createVisionModel,
  findVerificationRecord,
  isPptError,
  PptError,
  type ReductionConfig,
  recordVerification,
  type Verification,
  type VerificationRecord,
  type VisionModel,
  verifyModel,
} from "@ppt-vit/core";
import { createBackend } from "../backends/backends.js";
import type { Checkpoint } from "../checkpoint/checkpoint.js";

/** What `verify` found, and what the model was compared with. */
export type ModelVerification =
  | (Verification & {
      /** The logits that the checkpoint's `verification.json` holds for these settings, or those of the plain CPU backend. */
      readonly against: "verification.json" | "cpu backend";
    })
  /** Nothing was compared: the record is missing, and the backend is the one that others are compared with. */
  | { readonly against: "nothing"; readonly reason: string };

/** Largest relative difference that is still right. Half precision and the like lose three digits. */
const tolerances = { float32: 1e-3, reduced: 5e-2 };

/** What the plain CPU backend calls itself, whoever made it. */
const cpuName = "cpu";

/**
 * Runs a known input and compares the logits with the checkpoint's record for these settings. Where it has none, the
 * plain CPU backend computes them first, which takes seconds for a large model. A model on that backend is not compared
 * with itself: the result says that nothing was compared.
 * @throws PptError VERIFICATION_FAILED where the logits differ, INVALID_CONFIG for records of another model
 */
export async function verifyCheckpoint(
  model: VisionModel,
  backend: Backend,
  checkpoint: Checkpoint,
  reduction: ReductionConfig | undefined,
): Promise<ModelVerification> {
  const tolerance = tolerances[backend.capabilities.precision];
  const recorded = findVerificationRecord(checkpoint.verification ?? [], reduction, model.config);
  if (recorded) return { against: "verification.json", ...(await verifyRecorded(model, recorded, tolerance)) };
  if (backend.name === cpuName)
    return {
      against: "nothing",
      reason: `${checkpoint.verification ? "verification.json has no logits for these settings" : "there are no recorded logits (verification.json) of this model at this size"}, and the CPU backend, which others are compared with, would be compared with itself`,
    };
  const record = await recordOnCpu(checkpoint, reduction);
  return { against: "cpu backend", ...(await verifyModel(model, record, tolerance)) };
}

/** Errors name the file that the record came from. */
async function verifyRecorded(
  model: VisionModel,
  record: VerificationRecord,
  tolerance: number,
): Promise<Verification> {
  try {
    return await verifyModel(model, record, tolerance);
  } catch (error) {
    throw isPptError(error) ? new PptError(error.code, `verification.json: ${error.message}`, { cause: error }) : error;
  }
}

async function recordOnCpu(
  { config, weights }: Checkpoint,
  reduction: ReductionConfig | undefined,
): Promise<VerificationRecord> {
  const backend = await createBackend(cpuName);
  try {
    return await recordVerification(await createVisionModel({ config, weights, backend, reduction }), reduction);
  } finally {
    await backend.dispose();
  }
}
