/** The registry of contenders: one file each, and one line here. */
import { PptError } from "@ppt-vit/core";
import { backendContenders, halfPrecisionContenders } from "./backends.js";
import type { Contender } from "./contender.js";
import { transformersJs } from "./transformers.js";

/** The contenders that `--help` lists. */
const listed: readonly Contender[] = [...backendContenders, transformersJs];
const builtIn: readonly Contender[] = [...listed, ...halfPrecisionContenders];

export const contenderNames: readonly string[] = listed.map(({ name }) => name);

/**
 * The contender called `name`, built in or among `added`.
 * @throws PptError UNKNOWN_BACKEND
 */
export function requireContender(name: string, added: readonly Contender[] = []): Contender {
  const found = [...added, ...builtIn].find((contender) => contender.name === name);
  if (found) return found;
  const names = [...contenderNames, ...added.map((contender) => contender.name)];
  throw new PptError("UNKNOWN_BACKEND", `unknown backend '${name}'; available: ${names.join(", ")}`);
}
