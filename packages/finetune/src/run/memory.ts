/** Errors of engines that ran out of memory. */
import { isPptError, PptError, reasonOf } from "@ppt-vit/core";

const signs =
  /out of memory|\bOOM\b|memory access out of bounds|allocation failed|cannot (enlarge|allocate)|failed to allocate|RESOURCE_EXHAUSTED|Invalid typed array length|Array buffer/i;

/** The error itself, or an OUT_OF_MEMORY that suggests a batch. */
export function explained(error: unknown, batch: number, accumulate: number, recompute: boolean): unknown {
  if (isPptError(error) || !signs.test(reasonOf(error))) return error;
  const half = Math.ceil(batch / 2);
  const advice =
    batch > 1
      ? `take batch ${half} with accumulate ${accumulate * Math.ceil(batch / half)}, which trains the same`
      : "take a smaller model, a stronger reduction or fewer trained blocks";
  return new PptError(
    "OUT_OF_MEMORY",
    `a batch of ${batch} does not fit into the engine's memory: ${advice}${recompute ? "" : ", or let blocks be recomputed (recompute)"}`,
    { cause: error },
  );
}
