/** Finds an entry of a list by its name. */
import { PptError } from "@ppt-vit/core";

/** @throws PptError INVALID_OPTION that lists the names */
export function named<T extends { readonly name: string }>(list: readonly T[], name: string, option: string): T {
  const found = list.find((each) => each.name === name);
  if (found) return found;
  throw new PptError(
    "INVALID_OPTION",
    `finetune: ${option} is '${String(name).slice(0, 60)}'; known are ${list.map((each) => each.name).join(", ")}`,
  );
}
