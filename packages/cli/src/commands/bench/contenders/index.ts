/** The registry of contenders: one file each, and one line here. */
import { PptError } from "@ppt-vit/core";
import { createBackend } from "@ppt-vit/pipeline";
import { isModule, registerModule } from "../../../flags/backend-module.js";
import { backendContender, backendContenders, halfPrecisionContenders, quantizedContenders } from "./backends.js";
import type { Contender } from "./contender.js";
import { transformersJs } from "./transformers.js";

/** The contenders that `--help` lists. */
const listed: readonly Contender[] = [...backendContenders, transformersJs];
const builtIn: readonly Contender[] = [...listed, ...quantizedContenders, ...halfPrecisionContenders];

export const contenderNames: readonly string[] = listed.map(({ name }) => name);

/**
 * The contender called `name`: built in, among `added`, or the path of a module that exports a backend.
 * @throws PptError UNKNOWN_BACKEND, and what `registerModule` throws
 */
export async function requireContender(name: string, added: readonly Contender[] = []): Promise<Contender> {
  const found = [...added, ...builtIn].find((contender) => contender.name === name);
  if (found) return found;
  if (isModule(name)) {
    await registerModule(name);
    return backendContender(name, () => createBackend(name));
  }
  refuseUnknownPrecision(name);
  const names = [...contenderNames, ...added.map((contender) => contender.name)];
  throw new PptError("UNKNOWN_BACKEND", `unknown backend '${name}'; available: ${names.join(", ")}`);
}

/** A known backend in a precision that it lacks: `cpu:q5`. @throws PptError UNSUPPORTED_DTYPE */
function refuseUnknownPrecision(name: string): void {
  const [backend, precision] = name.split(":");
  const own = builtIn.filter((contender) => contender.name.startsWith(`${backend}:`));
  if (precision === undefined || own.length === 0) return;
  const others = own.map((contender) => contender.name).join(", ");
  throw new PptError("UNSUPPORTED_DTYPE", `'${name}': ${backend} has no precision '${precision}'; ${others} are there`);
}
