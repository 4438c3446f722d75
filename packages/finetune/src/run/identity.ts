/** Everything that the numbers of a run depend on, to tell whether a saved state belongs to it. */
import { createHash } from "node:crypto";
import { statSync } from "node:fs";
import { completeReduction, writtenReduction } from "@ppt-vit/core";
import type { TrainingPicture } from "../data/picture.js";
import type { ParsedOptions } from "../options.js";
import type { RunModels } from "./models.js";
import type { RunIdentity } from "./state.js";

/** SHA-256 of the names, labels and sizes of pictures, in order. */
function digest(pictures: readonly TrainingPicture[]): string {
  const hash = createHash("sha256");
  for (const { file, label } of pictures) {
    const size = statSync(file, { throwIfNoEntry: false })?.size ?? -1;
    hash.update(`${JSON.stringify([file, label ?? null, size])}\n`);
  }
  return hash.digest("hex");
}

export function identityOf(parsed: ParsedOptions, { engine }: RunModels, model: string): RunIdentity {
  const { given, settings } = parsed;
  const reduction = given.reduction;
  return {
    model,
    reduction: reduction ? writtenReduction(completeReduction(reduction)) : null,
    ...settings,
    // Engines round differently.
    engine: engine.name,
    pictures: given.pictures.length,
    picturesDigest: digest(given.pictures),
    evaluation: given.evaluation?.length ?? 0,
    evaluationDigest: digest(given.evaluation ?? []),
  };
}
