/** Files that a command will write, looked at before it works: it may work for hours. */
import { realpathSync, statSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { PptError } from "@ppt-vit/core";
import { plainStat, requireWritable } from "./write-file.js";

/**
 * Refuses files that could not be written, two results for one file, and a result that would replace what it is made from.
 * @param outputs files by their options; those that were not given are undefined
 * @param inputs files that are read
 * @param beside files that are written beside --out
 * @throws PptError WRITE_FAILED, INVALID_OPTION
 */
export function requireOutputs(
  outputs: Readonly<Record<string, string | undefined>>,
  inputs: readonly (string | URL | undefined)[],
  beside: readonly string[] = [],
): void {
  const taken = new Map<string, string>();
  // A name that is no UTF-8 comes as a URL, and no option can name it.
  for (const input of inputs) if (typeof input === "string") taken.set(placeOf(input), `${input}, which is read`);
  const all = [
    ...Object.entries(outputs).flatMap(([option, path]) => (path === undefined ? [] : [{ option, path }])),
    ...beside.map((path) => ({ option: "--out", path })),
  ];
  for (const { option, path } of all) {
    requireWritable(path, option);
    const place = placeOf(path);
    const other = taken.get(place);
    // Devices and pipes may be named twice: nothing is replaced there.
    if (other !== undefined && !place.startsWith("/dev/") && !place.startsWith("/proc/"))
      throw new PptError("INVALID_OPTION", `${option} ${path} would replace ${other}: choose another name`);
    taken.set(place, `what ${option} ${path} holds`);
  }
}

/** Whether a path is a file, or will be one: devices and pipes keep nothing. */
export function isKept(path: string): boolean {
  const found = statSync(path, { ...plainStat, throwIfNoEntry: false });
  return found === undefined || found.isFile();
}

/** The same for every spelling of a path. The file need not exist, its folder may not either. */
export function placeOf(path: string): string {
  // Native: the other one asks for the kind of a pipe in the way that breaks the next import of Node 20 (see plainStat).
  try {
    return realpathSync.native(path);
  } catch {
    try {
      return join(realpathSync.native(dirname(path)), basename(path));
    } catch {
      return resolve(path);
    }
  }
}
