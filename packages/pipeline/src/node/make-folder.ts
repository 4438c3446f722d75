/** Makes folders. Node's own recursive `mkdir` never returns for a folder below `/proc` (seen in Node 20). */
import { mkdirSync, statSync } from "node:fs";
import { dirname } from "node:path";

/**
 * Makes a folder, and those above it that are missing.
 * @returns the topmost folder that was made; undefined if all were there
 * @throws what `mkdirSync` throws
 */
export function makeFolder(folder: string): string | undefined {
  const found = statSync(folder, { throwIfNoEntry: false });
  if (found?.isDirectory()) return undefined;
  const above = dirname(folder);
  const first = above === folder ? undefined : makeFolder(above);
  try {
    mkdirSync(folder);
  } catch (error) {
    // Another process may have made it meanwhile.
    if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory()) throw error;
    return first;
  }
  return first ?? folder;
}
