/** `--reduction A.json,B.json`: several settings, side by side. */
import { existsSync } from "node:fs";
import { InvalidArgumentError } from "commander";
import { partsOf } from "./lists.js";

/** The names in the list. A file whose own name has commas is one name. @throws InvalidArgumentError if there are none, or one twice */
export function reductionList(text: string): string[] {
  if (existsSync(text)) return [text];
  const names = partsOf(text);
  if (names.length === 0)
    throw new InvalidArgumentError("expected one or more names or files, with commas between them.");
  return names;
}
