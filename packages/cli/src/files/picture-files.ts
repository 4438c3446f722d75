/** Finds the pictures in a folder and its subfolders, for every command that takes a folder. */
import { isUtf8 } from "node:buffer";
import type { Dirent } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { extname, join, sep } from "node:path";
import { PptError } from "@ppt-vit/core";
import { imageExtensions } from "@ppt-vit/pipeline";

/** A path: as text, or as bytes if they are not valid UTF-8. As text, such a path could not be opened. */
export type Path = string | Buffer;

export interface FoundPictures {
  readonly pictures: readonly Path[];
  /** Folders below that cannot be listed. */
  readonly failures: readonly { readonly folder: Path; readonly error: PptError }[];
}

/** Whether a file name is that of a picture. Hidden files (`.name`) do not count. */
export const isPictureName = (name: string): boolean =>
  !name.startsWith(".") && (imageExtensions as readonly string[]).includes(extname(name).toLowerCase());

/**
 * Searches a folder and its subfolders, except hidden ones. Symbolic links to files are followed. Links to folders are not,
 * because they could form a circle. A broken link counts as a file, so that it is reported when it is read.
 */
export async function picturesBelow(folder: Path): Promise<FoundPictures> {
  const pictures: Path[] = [];
  const failures: { folder: Path; error: PptError }[] = [];
  const search = async (folder: Path): Promise<void> => {
    let entries: Dirent<Buffer>[];
    try {
      entries = await readdir(folder, { withFileTypes: true, encoding: "buffer" });
    } catch (cause) {
      const reason = cause instanceof Error && "code" in cause ? cause.code : cause;
      const error = new PptError("NOT_FOUND", `${inputOf(folder)}: cannot be listed (${reason})`, { cause });
      failures.push({ folder, error });
      return;
    }
    for (const entry of entries) {
      const path = joined(folder, entry.name);
      // One character per byte: enough to recognise a leading dot and the file extension.
      const name = entry.name.toString("latin1");
      if (entry.isDirectory()) {
        if (!name.startsWith(".")) await search(path);
      } else if (isPictureName(name) && (entry.isSymbolicLink() ? await leadsToFile(path) : entry.isFile()))
        pictures.push(path);
    }
  };
  await search(folder);
  return { pictures, failures };
}

const leadsToFile = (link: Path): Promise<boolean> =>
  stat(link).then(
    (found) => found.isFile(),
    () => true,
  );

function joined(folder: Path, name: Buffer): Path {
  if (typeof folder === "string" && isUtf8(name)) return join(folder, name.toString());
  return Buffer.concat([Buffer.from(folder), Buffer.from(sep), name]);
}

/** The form of a path that a pipeline takes and that results show: text, or a `file:` URL with escaped bytes. */
export function inputOf(path: Path): string | URL {
  if (typeof path === "string") return path;
  const absolute = path[0] === 0x2f ? path : Buffer.concat([Buffer.from(`${process.cwd()}/`), path]);
  const escaped = Array.from(absolute, (byte) => {
    const character = String.fromCharCode(byte);
    return /[\w./~-]/.test(character) ? character : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  });
  return new URL(`file://${escaped.join("")}`);
}
