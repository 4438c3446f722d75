/** Reads datasets, which are ImageFolder trees or labels files. The order of the pictures is the same on every machine. */

import { createHash } from "node:crypto";
import type { Dirent } from "node:fs";
import { stat } from "node:fs/promises";
import { dirname, extname, join, relative, resolve, sep } from "node:path";
import { PptError } from "@ppt-vit/core";
import { counted } from "@ppt-vit/core/options";
import { imageExtensions } from "@ppt-vit/pipeline";
import { readText } from "../../documents/read.js";
import { listFolder } from "../../files/list-folder.js";
import { isPictureName, picturesBelow } from "../../files/picture-files.js";
import { matchClasses, parseIdentifiers } from "./classes.js";
import { type LabelledFile, labelsFileEndings, parseLabelsFile } from "./labels-file.js";
import type { Sample } from "./types.js";

/** The largest labels file or classes file, in bytes: some two million pictures. */
const mostListBytes = 2 ** 27;

export interface Dataset {
  /** The folder to which the files are relative. */
  readonly root: string;
  readonly samples: readonly Sample[];
  /** Messages about what is left out. */
  readonly notes: readonly string[];
}

export interface DatasetOptions {
  /** The model's classes; false for pictures whose labels are unknown or do not count. */
  readonly labels: readonly string[] | false;
  /** A file that explains the dataset's identifiers, such as WordNet's. */
  readonly classes?: string | undefined;
  /** How many pictures to take, spread evenly over the dataset. Default: all. */
  readonly limit?: number | undefined;
}

/**
 * Opens a folder with a subfolder for each class, or a labels file with paths relative to itself. Without labels, it takes all
 * pictures below a folder.
 * @throws PptError NOT_FOUND; INVALID_INPUT if it holds no pictures, or labels match no class
 */
export async function openDataset(path: string, { labels, classes, limit }: DatasetOptions): Promise<Dataset> {
  const isFolder = await stat(path).then(
    (found) => found.isDirectory(),
    (cause: NodeJS.ErrnoException) => {
      throw new PptError("NOT_FOUND", `${path}: cannot be read (${cause.code})`, { cause });
    },
  );
  if (!isFolder && !(labelsFileEndings as readonly string[]).includes(extname(path).toLowerCase()))
    throw new PptError(
      "INVALID_INPUT",
      `${path}: neither a folder nor a labels file (${labelsFileEndings.join(", ")})`,
    );
  const { root, files, notes } = isFolder
    ? await (labels ? listTree(path) : listPictures(path))
    : { root: dirname(path), files: parseLabelsFile(readText(path, mostListBytes), path), notes: [] };
  if (files.length === 0) throw new PptError("INVALID_INPUT", `${path}: lists no pictures`);

  if (!labels) return { root, samples: spread(files, limit).map(({ file }, index) => ({ index, file })), notes };
  const identifiers =
    classes === undefined ? undefined : parseIdentifiers(readText(classes, mostListBytes), classes, labels);
  const names = [...new Set(files.map(({ label }) => label))];
  const indices = matched(path, () => matchClasses(names, labels, identifiers));
  const samples = spread(files, limit).map(({ file, label }, index) => ({ index, file, label: indices.get(label)! }));
  return { root, samples, notes };
}

/** Puts the path of the dataset before error messages. */
function matched<R>(path: string, match: () => R): R {
  try {
    return match();
  } catch (cause) {
    throw cause instanceof PptError ? new PptError(cause.code, `${path}: ${cause.message}`, { cause }) : cause;
  }
}

/** `count` items at equal distances, so that each class has its share even if the items are sorted by class. */
function spread<T>(items: readonly T[], count = items.length): T[] {
  const taken = Math.min(count, items.length);
  return Array.from({ length: taken }, (_, i) => items[Math.floor((i * items.length) / taken)]!);
}

/** The pictures in the subfolders of a folder, each labelled with the name of its subfolder. */
async function listTree(root: string): Promise<{ root: string; files: LabelledFile[]; notes: string[] }> {
  const top = await listFolder(root);
  const folders: string[] = [];
  for (const entry of top)
    if (!entry.name.startsWith(".") && (await isFolderEntry(join(root, entry.name), entry))) folders.push(entry.name);
  const stray = top.filter((entry) => !folders.includes(entry.name) && isPictureName(entry.name)).length;
  if (folders.length === 0)
    throw new PptError(
      "INVALID_INPUT",
      stray > 0
        ? `${root}: ${counted(stray, "picture")}, but no folders: put the pictures of each class into a folder of its name, give a labels file, or compare with the unreduced model by --no-labels`
        : `${root}: an empty dataset: expected a folder of pictures for each class, or a labels file`,
    );
  // `sort` compares code units, which gives the same order on every machine.
  const files: LabelledFile[] = [];
  const empty: string[] = [];
  let left = 0;
  for (const folder of folders.sort()) {
    const { names, unnamed } = await namesBelow(join(root, folder));
    if (names.length === 0) empty.push(folder);
    left += unnamed;
    files.push(...names.sort().map((file) => ({ file: `${folder}/${file}`, label: folder })));
  }
  if (files.length === 0)
    throw new PptError(
      "INVALID_INPUT",
      `${root}: no pictures (${imageExtensions.join(" ")}) in its ${folders.length} folders`,
    );
  return {
    root,
    files,
    notes: [
      ...(stray > 0 ? [`left out: ${counted(stray, "picture")} in no class's folder`] : []),
      ...unnamedNotes(left),
      ...(empty.length > 0 ? [`folders without pictures: ${empty.join(", ")}`] : []),
    ],
  };
}

/** All pictures below a folder, whose labels are empty. */
async function listPictures(root: string): Promise<{ root: string; files: LabelledFile[]; notes: string[] }> {
  const { names, unnamed } = await namesBelow(root);
  return { root, files: names.sort().map((file) => ({ file, label: "" })), notes: unnamedNotes(unnamed) };
}

const unnamedNotes = (count: number): string[] =>
  count > 0
    ? [
        `left out, because a result could not name them: ${counted(count, "picture")} with a name that is not valid UTF-8`,
      ]
    : [];

/**
 * The paths of the pictures below a folder, with `/`, and the number of pictures whose names are not valid UTF-8.
 * @throws PptError NOT_FOUND if a folder cannot be listed
 */
async function namesBelow(folder: string): Promise<{ names: string[]; unnamed: number }> {
  const { pictures, failures } = await picturesBelow(folder);
  if (failures[0]) throw failures[0].error;
  const paths = pictures.filter((path) => typeof path === "string");
  return {
    names: paths.map((path) => relative(folder, path).replaceAll(sep, "/")),
    unnamed: pictures.length - paths.length,
  };
}

/** Whether an entry is a folder or a link to one. */
async function isFolderEntry(path: string, entry: Dirent): Promise<boolean> {
  if (!entry.isSymbolicLink()) return entry.isDirectory();
  return stat(path).then(
    (target) => target.isDirectory(),
    () => false,
  );
}

/** How many files are asked for their size at once. */
const statsAtOnce = 64;

/** SHA-256 over the names, classes and file sizes of the pictures, in order. A missing file has size -1. */
export async function fingerprintOf({ root, samples }: Pick<Dataset, "root" | "samples">): Promise<string> {
  const hash = createHash("sha256");
  for (let start = 0; start < samples.length; start += statsAtOnce) {
    const some = samples.slice(start, start + statsAtOnce);
    const sizes = await Promise.all(
      some.map(({ file }) =>
        stat(resolve(root, file)).then(
          ({ size }) => size,
          () => -1,
        ),
      ),
    );
    for (const [i, { file, label }] of some.entries()) hash.update(`${JSON.stringify([file, label, sizes[i]])}\n`);
  }
  return hash.digest("hex");
}
