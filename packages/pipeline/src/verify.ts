/** Checks a loaded model against what it is known to compute. */
import {
  type Backend,
  createVisionModel,
  type ReductionConfig,
  recordVerification,
  type Verification,
  type VerificationRecord,
  type VisionModel,
  verifyModel,
} from "@ppt-vit/core";
import { createBackend } from "./backends.js";
import type { Checkpoint } from "./checkpoint.js";

export interface ModelVerification extends Verification {
  /** Where the expected logits come from: the checkpoint's `verification.json`, or the plain CPU backend. */
  readonly reference: "recorded" | "cpu";
}

/** Largest relative difference that is still right. Half precision and the like lose three digits. */
const tolerances = { float32: 1e-3, reduced: 5e-2 };

/**
 * Runs a known input and compares the logits with the checkpoint's record for these settings. Where it has none, the
 * plain CPU backend computes them first, which takes seconds for a large model.
 * @throws PptError VERIFICATION_FAILED
 */
export async function verifyCheckpoint(
  model: VisionModel,
  backend: Backend,
  checkpoint: Checkpoint,
  reduction: ReductionConfig | undefined,
): Promise<ModelVerification> {
  const settings = JSON.stringify(reduction ?? null);
  const recorded = checkpoint.verification?.find((record) => JSON.stringify(record.reduction) === settings);
  const record = recorded ?? (await recordOnCpu(checkpoint, reduction));
  const verification = await verifyModel(model, record, tolerances[backend.capabilities.precision]);
  return { ...verification, reference: recorded ? "recorded" : "cpu" };
}

async function recordOnCpu(
  { config, weights }: Checkpoint,
  reduction: ReductionConfig | undefined,
): Promise<VerificationRecord> {
  const backend = await createBackend("cpu");
  try {
    return await recordVerification(await createVisionModel({ config, weights, backend, reduction }), reduction);
  } finally {
    await backend.dispose();
  }
}
