/** The pictures that file and folder arguments stand for. */
import { readdir, stat } from "node:fs/promises";
import { extname, join } from "node:path";
import { PptError } from "@ppt-vit/core";
import { imageExtensions } from "@ppt-vit/pipeline";

const isImage = (name: string) => (imageExtensions as readonly string[]).includes(extname(name).toLowerCase());

/** What was given: pictures to classify, and folders that hold none. */
export interface ExpandedInputs {
  readonly files: readonly string[];
  readonly failures: readonly { readonly file: string; readonly error: PptError }[];
}

/**
 * Folders become the pictures in them and below, in the order of their names; hidden files are left out. Files are taken
 * as given, so that a missing or strange one is reported when it is read.
 */
export async function expandInputs(inputs: readonly string[]): Promise<ExpandedInputs> {
  const files: string[] = [];
  const failures: { file: string; error: PptError }[] = [];
  for (const input of inputs) {
    const isFolder = await stat(input).then(
      (found) => found.isDirectory(),
      () => false,
    );
    if (!isFolder) {
      files.push(input);
      continue;
    }
    try {
      const inside = await picturesIn(input);
      if (inside.length > 0) files.push(...inside);
      else
        failures.push({
          file: input,
          error: new PptError("NOT_FOUND", `${input}: no pictures (${imageExtensions.join(" ")}) in this folder`),
        });
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      failures.push({
        file: input,
        error: new PptError("NOT_FOUND", `${input}: cannot be listed (${reason})`, { cause }),
      });
    }
  }
  return { files, failures };
}

async function picturesIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() && !entry.name.startsWith(".") && isImage(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort((a, b) => a.localeCompare(b, "en", { numeric: true }));
}
