/** The records of a checkpoint's `verification.json`. */
import { PptError } from "../errors.js";
import { requireReadable } from "../options.js";
import { parseReduction, type ReductionConfig } from "../reduction/settings.js";
import { show } from "../show.js";

/** A known input of a model, and the logits recorded for it. */
export interface VerificationRecord {
  /** The seed of the input, for `verificationInput`. */
  readonly seed: number;
  /** The reduction settings. `null` for the unreduced model. */
  readonly reduction: ReductionConfig | null;
  /** The logits, the embedding if the model has no classifier, or values of the depth map, evenly spread. */
  readonly logits: readonly number[];
}

/** Checks the `verification.json` of a checkpoint: one record for each reduction. @throws PptError INVALID_CONFIG */
export function parseVerificationRecords(json: unknown): readonly VerificationRecord[] {
  const fail = (what: string): never => {
    throw new PptError("INVALID_CONFIG", `verification records: ${what}`);
  };
  requireReadable("parseVerificationRecords", json, "INVALID_CONFIG");
  if (!Array.isArray(json)) return fail(`expected a list, got ${show(json)}`);
  return json.map((entry: unknown) => {
    if (typeof entry !== "object" || entry === null) return fail(`expected an object, got ${show(entry)}`);
    const { seed, reduction, logits } = entry as Record<string, unknown>;
    if (typeof seed !== "number" || !Number.isInteger(seed))
      return fail(`seed is ${show(seed)}, expected a whole number`);
    if (!Array.isArray(logits) || logits.length === 0 || !logits.every(Number.isFinite))
      return fail(`logits are ${show(logits)}, expected a list of finite numbers`);
    return {
      seed,
      logits: logits as number[],
      reduction: reduction === null ? null : parseReduction(reduction),
    };
  });
}
