/** The entries of a folder. */
import type { Dirent } from "node:fs";
import { readdir } from "node:fs/promises";
import { PptError } from "@ppt-vit/core";

/** @throws PptError NOT_FOUND if the folder cannot be listed */
export const listFolder = (folder: string): Promise<Dirent[]> =>
  readdir(folder, { withFileTypes: true }).catch((cause: NodeJS.ErrnoException) => {
    throw new PptError("NOT_FOUND", `${folder}: cannot be listed (${cause.code})`, { cause });
  });
