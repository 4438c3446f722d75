/** Checks the files that a command will write before it starts its work, which may take hours. */
import { realpathSync, statSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { PptError } from "@ppt-vit/core";
import { plainStat, requireWritable } from "./write-file.js";

/**
 * Refuses an output that cannot be written, that another option names too, or that is also an input.
 * @param outputs output files by the options that name them; undefined for options that were not given
 * @param inputs files that the command reads
 * @param beside further files that the command writes beside --out
 * @throws PptError WRITE_FAILED, INVALID_OPTION
 */
export function requireOutputs(
  outputs: Readonly<Record<string, string | undefined>>,
  inputs: readonly (string | URL | undefined)[],
  beside: readonly string[] = [],
): void {
  const taken = new Map<string, string>();
  // A name that is not valid UTF-8 comes as a URL. No option can name such a file.
  for (const input of inputs) if (typeof input === "string") taken.set(placeOf(input), `${input}, which is read`);
  const all = [
    ...Object.entries(outputs).flatMap(([option, path]) => (path === undefined ? [] : [{ option, path }])),
    ...beside.map((path) => ({ option: "--out", path })),
  ];
  for (const { option, path } of all) {
    requireWritable(path, option);
    const place = placeOf(path);
    const other = taken.get(place);
    // Two options may name the same device or pipe: writing to it replaces nothing.
    if (other !== undefined && !place.startsWith("/dev/") && !place.startsWith("/proc/"))
      throw new PptError("INVALID_OPTION", `${option} ${path} would replace ${other}: choose another name`);
    taken.set(place, `what ${option} ${path} holds`);
  }
}

/** Whether a path is a file or will become one. Devices and pipes keep nothing. */
export function isKept(path: string): boolean {
  const found = statSync(path, { ...plainStat, throwIfNoEntry: false });
  return found === undefined || found.isFile();
}

/** The absolute path behind all spellings of a path. Neither the file nor its folder has to exist. */
export function placeOf(path: string): string {
  // `native`, because plain `realpathSync` of a pipe breaks the next `import()` in Node 20 (see plainStat).
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
