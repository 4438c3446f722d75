/** Which file holds the depth of which picture. */
import { rmdirSync, statSync } from "node:fs";
import { basename, dirname, extname, join } from "node:path";
import { PptError } from "@ppt-vit/core";
import { type DepthFormat, makeFolder } from "@ppt-vit/pipeline";
import { writeError } from "../../files/errors.js";
import { requireOutputs } from "../../files/outputs.js";
import { plainStat } from "../../files/write-file.js";

/** The ending of each format. */
export const depthEndings = { grey16: ".png", grey8: ".png", colour: ".png", npy: ".npy" } as const satisfies Record<
  DepthFormat,
  string
>;

/** What `--format` and `--colour` ask for; else what the name of `--out` means. @throws PptError INVALID_OPTION */
export function depthFormatOf(format: DepthFormat | undefined, colour: boolean, out: string | undefined): DepthFormat {
  if (colour && format !== undefined && format !== "colour")
    throw new PptError("INVALID_OPTION", `--colour contradicts --format ${format}: leave one out`);
  if (colour) return "colour";
  return format ?? (out !== undefined && extname(out).toLowerCase() === depthEndings.npy ? "npy" : "grey16");
}

/** Where results go. */
export interface DepthFiles {
  /** The file for each picture. */
  readonly files: readonly string[];
  /** Removes the folder that was made for them, if nothing was written there. */
  removeEmpty(): void;
}

/**
 * Names the file for each picture. One picture is written to `out` itself; several, or the pictures of a folder, into the folder `out`,
 * which is made.
 * @param many whether `out` is a folder however many pictures there are
 * @throws PptError INVALID_OPTION, WRITE_FAILED
 */
export function depthFiles(
  files: readonly (string | URL)[],
  many: boolean,
  out: string | undefined,
  format: DepthFormat,
): DepthFiles {
  const ending = depthEndings[format];
  const given = out === undefined ? "" : extname(out).toLowerCase();
  const isFolder = out !== undefined && (/[/\\]$/.test(out) || isDirectory(out));
  if (files.length <= 1 && !many && !isFolder) {
    if (out !== undefined && given !== ending)
      throw new PptError(
        "INVALID_OPTION",
        `--out ${out}: expected a folder, or a name that ends with ${ending}, which format ${format} is written as`,
      );
    const written = files.map(() => out ?? `depth${ending}`);
    requireOutputs({ "--out": written[0] }, files);
    return { files: written, removeEmpty() {} };
  }
  if (!isFolder && Object.values<string>(depthEndings).includes(given))
    throw new PptError(
      "INVALID_OPTION",
      `--out ${out} names one file, and ${files.length === 1 ? "a folder is" : `${files.length} pictures are`} given: name a folder`,
    );
  const folder = out ?? "depth";
  const written = namesOf(files).map((name) => join(folder, `${name}${ending}`));
  const removeEmpty = madeFolder(folder);
  try {
    requireOutputs({}, files, written);
  } catch (error) {
    removeEmpty();
    throw error;
  }
  return { files: written, removeEmpty };
}

/** Makes a folder, and those above it. @returns a function that removes those which were made and are empty */
function madeFolder(folder: string): () => void {
  try {
    const first = makeFolder(folder);
    return () => {
      if (first === undefined) return;
      try {
        for (let at = folder; ; at = dirname(at)) {
          rmdirSync(at);
          if (at === first) return;
        }
      } catch {
        // One of them holds something: it stays.
      }
    };
  } catch (cause) {
    throw writeError(folder, cause);
  }
}

/** `photo-depth`; `photo-depth-2` for the next picture of that name, from another folder or of another format. */
function namesOf(files: readonly (string | URL)[]): string[] {
  const taken = new Set<string>();
  return files.map((file) => {
    const whole = basename(typeof file === "string" ? file : file.pathname);
    const stem = `${basename(whole, extname(whole))}-depth`;
    let name = stem;
    for (let i = 2; taken.has(name.toLowerCase()); i++) name = `${stem}-${i}`;
    // Some file systems do not tell capital letters from small ones.
    taken.add(name.toLowerCase());
    return name;
  });
}

const isDirectory = (path: string): boolean =>
  statSync(path, { ...plainStat, throwIfNoEntry: false })?.isDirectory() === true;
