/** Lists the pictures of a job. The first kind of input that takes an argument reads it. */
import { createHash } from "node:crypto";
import { statSync } from "node:fs";
import { resolve } from "node:path";
import { PptError } from "@ppt-vit/core";
import { counted } from "@ppt-vit/core/options";
import { plainStat } from "../../files/write-file.js";
import { csv } from "./csv.js";
import { folder } from "./folder.js";
import { type Item, type Root, rootAt } from "./item.js";
import type { InputKind, ListingOptions } from "./kind.js";
import { list, standardInput } from "./list.js";
import { picture } from "./picture.js";
import { tar } from "./tar.js";

/** To add one, import it and list it here, before `picture`, which takes everything. */
export const inputKinds: readonly InputKind[] = [standardInput, folder, tar, csv, list, picture];

export interface Listing {
  readonly items: readonly Item[];
  /** What holds pictures. If one is gone, its pictures are not to blame. */
  readonly roots: readonly Root[];
  /** SHA-256 over the names and places of the pictures, in order. */
  readonly fingerprint: string;
  /** Messages about what was left out. */
  readonly notes: readonly string[];
}

/**
 * Lists all pictures that the arguments name, each once.
 * @param limit take only the first so many
 * @throws PptError NOT_FOUND, INVALID_INPUT
 */
export async function listPictures(
  inputs: readonly string[],
  { limit = Number.POSITIVE_INFINITY, ...options }: ListingOptions & { readonly limit?: number | undefined },
): Promise<Listing> {
  const items: Item[] = [];
  const roots: Root[] = [];
  const seen = new Set<string>();
  const hash = createHash("sha256");
  let twice = 0;
  for (const argument of inputs) {
    const isFolder = statSync(argument, { ...plainStat, throwIfNoEntry: false })?.isDirectory() ?? false;
    const kind = inputKinds.find((kind) => kind.takes(argument, isFolder))!;
    const root = kind.root(argument);
    if (root !== undefined) roots.push(rootAt(root));
    for await (const item of kind.items(argument, options)) {
      const place = `${item.file.startsWith("file:") ? item.file : resolve(item.file)} ${item.range?.join() ?? item.problem ?? ""}`;
      if (seen.has(place)) {
        twice++;
        continue;
      }
      if (items.length >= limit) break;
      seen.add(place);
      items.push(item);
      hash.update(`${JSON.stringify([item.name, item.range ?? null])}\n`);
    }
  }
  if (items.length === 0)
    throw new PptError("INVALID_INPUT", `${inputs.join(", ")}: no pictures there: an empty list or archive`);
  const notes = twice > 0 ? [`${counted(twice, "picture")} named more than once: taken once`] : [];
  return { items, roots, fingerprint: hash.digest("hex"), notes };
}
