/** The pictures in a folder and below it, for all commands that search one. */
import { isUtf8 } from "node:buffer";
import type { Dirent } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { extname, join, sep } from "node:path";
import { PptError } from "@ppt-vit/core";
import { imageExtensions } from "@ppt-vit/pipeline";

/** A path as text, or as its bytes where they are not valid UTF-8: text could not be told apart, nor opened. */
export type Path = string | Buffer;

export interface FoundPictures {
  readonly pictures: readonly Path[];
  /** Folders below that cannot be listed. */
  readonly failures: readonly { readonly folder: Path; readonly error: PptError }[];
}

/** Whether a file is searched for: hidden ones are not. */
export const isPictureName = (name: string): boolean =>
  !name.startsWith(".") && (imageExtensions as readonly string[]).includes(extname(name).toLowerCase());

/**
 * Searches a folder and those in it, but no hidden ones. Symbolic links are followed to files, not to folders, which could
 * lead in circles; one that leads nowhere counts as a file, so that it is reported when it is read.
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
      // One character a byte, which is enough to see dots and endings.
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

/** What a pipeline takes for a path, and what a result calls it: text, or a `file:` URL with the bytes escaped. */
export function inputOf(path: Path): string | URL {
  if (typeof path === "string") return path;
  const absolute = path[0] === 0x2f ? path : Buffer.concat([Buffer.from(`${process.cwd()}/`), path]);
  const escaped = Array.from(absolute, (byte) => {
    const character = String.fromCharCode(byte);
    return /[\w./~-]/.test(character) ? character : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  });
  return new URL(`file://${escaped.join("")}`);
}
