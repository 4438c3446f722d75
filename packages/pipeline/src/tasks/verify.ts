/** Checks a loaded model against logits that are known to be right. */

import {
  type Backend,
  isPptError,
  PptError,
  type QuantizedDtypeName,
  type ReductionConfig,
  type Verification,
  type VerificationRecord,
  type VisionModel,
} from "@ppt-vit/core";
import { createVisionModel } from "@ppt-vit/core/loading";
import { findVerificationRecord, recordVerification, verifyModel } from "@ppt-vit/core/on-demand";
import { openNamed } from "../backends/registry.js";
import { tolerances } from "../backends/tolerances.js";
import type { Checkpoint } from "../checkpoint/checkpoint.js";

/** The outcome of `verify`, and what the model was compared with. */
export type ModelVerification =
  | (Verification & {
      /** Where the right logits came from: the checkpoint's `verification.json`, or a run on the plain CPU backend. */
      readonly against: "verification.json" | "cpu backend";
    })
  /** Nothing was compared: there is no record, and the plain CPU backend cannot be compared with itself. */
  | { readonly against: "nothing"; readonly reason: string };

/** What a model was made of. */
interface LoadedFrom {
  readonly backend: Backend;
  readonly checkpoint: Checkpoint;
  readonly reduction: ReductionConfig | undefined;
  readonly quantize: QuantizedDtypeName | undefined;
}

/** The name of the plain CPU backend, whoever made it. */
const cpuName = "cpu";

/**
 * Runs a known input and compares the logits with the checkpoint's record for these settings. Without a record the plain
 * CPU backend computes the logits first, which takes seconds for a large model. A model on that backend is not compared
 * with itself: the result says that nothing was compared.
 * @throws PptError VERIFICATION_FAILED if the logits differ, INVALID_CONFIG for records of another model
 */
export async function verifyCheckpoint(model: VisionModel, loaded: LoadedFrom): Promise<ModelVerification> {
  const { backend, checkpoint, reduction, quantize } = loaded;
  const tolerance = tolerances[quantize ? "reduced" : backend.capabilities.precision];
  // The recorded logits are those of the weights as they are stored.
  const records = quantize ? [] : (checkpoint.verification ?? []);
  const recorded = findVerificationRecord(records, reduction, model.config);
  if (recorded) return { against: "verification.json", ...(await verifyRecorded(model, recorded, tolerance)) };
  if (backend.name === cpuName)
    return {
      against: "nothing",
      reason: `${whyNoRecord(loaded, records.length > 0)}, and the CPU backend, which others are compared with, would be compared with itself`,
    };
  const record = await recordOnCpu(loaded);
  return { against: "cpu backend", ...(await verifyModel(model, record, tolerance)) };
}

function whyNoRecord({ quantize }: LoadedFrom, hasRecords: boolean): string {
  if (quantize) return `verification.json has no logits for dtype '${quantize}'`;
  if (hasRecords) return "verification.json has no logits for these settings";
  return "there are no recorded logits (verification.json) of this model at this size";
}

/** Compares with a record of the checkpoint. Errors name its file. */
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

async function recordOnCpu({
  checkpoint: { config, weights },
  reduction,
  quantize,
}: LoadedFrom): Promise<VerificationRecord> {
  const backend = await openNamed(cpuName);
  try {
    const model = await createVisionModel({ config, weights, backend, reduction, quantize });
    return await recordVerification(model, reduction);
  } finally {
    await backend.dispose();
  }
}
