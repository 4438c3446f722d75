/** Reduction settings in a document. */
import { parseReduction, type ReductionConfig } from "@ppt-vit/core";
import * as v from "valibot";

/** Reduction settings, checked by core's own parser. */
export const reductionSchema = v.pipe(
  v.unknown(),
  v.rawTransform<unknown, ReductionConfig>(({ dataset, addIssue, NEVER }) => {
    try {
      return parseReduction(dataset.value);
    } catch (error) {
      addIssue({ message: (error as Error).message.replace(/^reduction: /, "") });
      return NEVER;
    }
  }),
);
