/** Turns file and folder arguments into a list of pictures. */
import { stat } from "node:fs/promises";
import { PptError } from "@ppt-vit/core";
import { imageExtensions } from "@ppt-vit/pipeline";
import { inputOf, picturesBelow } from "./picture-files.js";

/** Describes the problem of an argument that was not valid UTF-8: Node has replaced bytes by U+FFFD. Undefined for others. */
export const utf8Problem = (argument: string): string | undefined =>
  argument.includes("\ufffd")
    ? "holds U+FFFD, which Node puts into arguments for bytes that are not valid UTF-8: rename the file, or give the folder that holds it"
    : undefined;

/** The pictures that the arguments name, and the arguments that name none. */
export interface ExpandedInputs {
  /** Paths; `file:` URLs for paths that are not valid UTF-8. */
  readonly files: readonly (string | URL)[];
  readonly failures: readonly { readonly file: string; readonly error: PptError }[];
}

/**
 * Replaces each folder by the pictures in it and its subfolders, sorted by name. Files are not checked: a missing file, or one
 * that is no picture, is reported when it is read.
 */
export async function expandInputs(inputs: readonly string[]): Promise<ExpandedInputs> {
  const files: (string | URL)[] = [];
  const failures: { file: string; error: PptError }[] = [];
  const fail = (file: string, problem: string) =>
    failures.push({ file, error: new PptError("NOT_FOUND", `${file}: ${problem}`) });
  for (const input of inputs) {
    const found = await stat(input).catch(() => undefined);
    const problem = utf8Problem(input);
    if (!found && problem !== undefined) {
      fail(input, problem);
      continue;
    }
    if (found?.isFile() && /\.(tar|tgz|csv|tsv|txt|lst)$/i.test(input)) {
      const problem = "a list or an archive, which is read only for results in files: name their folder with --out";
      failures.push({ file: input, error: new PptError("INVALID_INPUT", `${input}: ${problem}`) });
      continue;
    }
    if (!found?.isDirectory()) {
      files.push(input);
      continue;
    }
    const inside = await picturesBelow(input);
    for (const { folder, error } of inside.failures) failures.push({ file: String(inputOf(folder)), error });
    files.push(...inOrder(inside.pictures.map(inputOf)));
    if (inside.pictures.length + inside.failures.length === 0)
      fail(input, `no pictures (${imageExtensions.join(" ")}) in this folder`);
  }
  return { files, failures };
}

const inOrder = (files: readonly (string | URL)[]): (string | URL)[] =>
  files
    .map((file) => [String(file), file] as const)
    .sort(([a], [b]) => a.localeCompare(b, "en", { numeric: true }))
    .map(([, file]) => file);
