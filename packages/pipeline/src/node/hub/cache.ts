/**
 * The cache on disk. Its layout is that of Hugging Face's own tools, so that Python's huggingface_hub shares it:
 * `models--org--name/{blobs/HASH, refs/REVISION, snapshots/COMMIT/FILE -> ../../blobs/HASH, .no_exist/COMMIT/FILE}`.
 */
import { randomBytes } from "node:crypto";
import { lstat, mkdir, readFile, realpath, rename, rm, stat, symlink, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join, relative, resolve, sep } from "node:path";
import { PptError } from "@ppt-vit/core";
import { type Conversion, isConversion } from "../../hub/conversion.js";
import { isCommit } from "../../hub/reference.js";
import { makeFolder } from "../make-folder.js";
import { writeError } from "./errors.js";

export interface ModelCache {
  /** The folder of the whole cache. */
  readonly root: string;
  /** The folder of one model in it. */
  readonly folder: string;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** The folder of the cache, by the environment variables that Python's huggingface_hub reads. */
export function cacheRoot(env: Environment): string {
  const home = env.HF_HOME || join(env.XDG_CACHE_HOME || join(homedir(), ".cache"), "huggingface");
  return resolve(env.HF_HUB_CACHE || env.HUGGINGFACE_HUB_CACHE || join(home, "hub"));
}

/** The cache of one model. `id` must be checked: it has one slash and no `--`. */
export const modelCache = (root: string, id: string): ModelCache => ({
  root: resolve(root),
  folder: join(resolve(root), `models--${id.replace("/", "--")}`),
});

export const blobPath = ({ folder }: ModelCache, hash: string): string => join(folder, "blobs", hash);

const refPath = ({ folder }: ModelCache, revision: string): string => join(folder, "refs", ...revision.split("/"));
/** The folder in which the files of a commit have their own names. */
export const snapshotFolder = ({ folder }: ModelCache, commit: string): string => join(folder, "snapshots", commit);
const snapshotPath = (cache: ModelCache, commit: string, file: string): string =>
  join(snapshotFolder(cache, commit), file);
const missingPath = ({ folder }: ModelCache, commit: string, file: string): string =>
  join(folder, ".no_exist", commit, file);

/** Undefined for a missing file. @throws PptError NOT_FOUND for a file that exists and cannot be read */
const absent = (error: NodeJS.ErrnoException): undefined => {
  if (error.code === "ENOENT" || error.code === "ENOTDIR") return undefined;
  throw new PptError("NOT_FOUND", `${error.path}: cannot be read (${error.code})`, { cause: error });
};

export const isFile = async (path: string): Promise<boolean> => (await stat(path).catch(absent))?.isFile() ?? false;

/**
 * The path of a snapshot's file, links resolved; undefined if it is not in the cache.
 * @throws PptError NOT_FOUND if a link leads out of the model's folder
 */
export async function cachedFile(cache: ModelCache, commit: string, file: string): Promise<string | undefined> {
  const path = snapshotPath(cache, commit, file);
  const real = await realpath(path).catch(absent);
  if (real === undefined) return undefined;
  await requireInside(cache, path, real);
  return real;
}

/** The commit of a revision when it was last looked up; undefined if it never was. */
export async function cachedCommit(cache: ModelCache, revision: string): Promise<string | undefined> {
  if (isCommit(revision)) return revision;
  const path = refPath(cache, revision);
  const real = await realpath(path).catch(absent);
  if (real === undefined || !(await isFile(real))) return undefined;
  await requireInside(cache, path, real);
  const commit = (await readFile(real, "utf8").catch(absent))?.trim() ?? "";
  if (isCommit(commit)) return commit;
  throw new PptError("NOT_FOUND", `${path}: holds no commit: delete it, and load the model again`);
}

/** Whether the hub has answered that this commit has no such file. */
export const isKnownMissing = (cache: ModelCache, commit: string, file: string): Promise<boolean> =>
  isFile(missingPath(cache, commit, file));

/** Records that a commit has no such file. @throws PptError WRITE_FAILED */
export const noteMissing = (cache: ModelCache, commit: string, file: string): Promise<void> =>
  writeWhole(cache, missingPath(cache, commit, file), "");

/** Records the commit of a revision. @throws PptError WRITE_FAILED */
export async function noteCommit(cache: ModelCache, revision: string, commit: string): Promise<void> {
  if (!isCommit(revision)) await writeWhole(cache, refPath(cache, revision), commit);
}

const conversionPath = ({ folder }: ModelCache, commit: string): string => join(folder, ".converted", commit);

/** The recorded conversion of a commit of the default branch. @throws PptError NOT_FOUND if a link leads out */
export async function cachedConversion(cache: ModelCache, commit: string): Promise<Conversion | undefined> {
  const path = conversionPath(cache, commit);
  const real = await realpath(path).catch(absent);
  if (real === undefined || !(await isFile(real))) return undefined;
  await requireInside(cache, path, real);
  const [revision, converted, file] = ((await readFile(real, "utf8").catch(absent)) ?? "").trim().split(" ");
  const conversion = { revision, commit: converted, file };
  if (isConversion(conversion)) return conversion;
  throw new PptError("NOT_FOUND", `${path}: holds no revision, commit and file: delete it, and load the model again`);
}

/** Records the conversion of a commit, for good: a commit's weights never change. @throws PptError WRITE_FAILED */
export const noteConversion = (cache: ModelCache, commit: string, conversion: Conversion): Promise<void> =>
  writeWhole(cache, conversionPath(cache, commit), `${conversion.revision} ${conversion.commit} ${conversion.file}\n`);

/** Gives a blob its name in a snapshot: by a link, or by moving the blob itself if links are not allowed (Windows). */
export async function linkBlob(cache: ModelCache, hash: string, commit: string, file: string): Promise<void> {
  const path = snapshotPath(cache, commit, file);
  await readyFolder(cache, dirname(path));
  const blob = blobPath(cache, hash);
  const fresh = besides(path);
  try {
    const linked = await symlink(relative(dirname(path), blob), fresh).then(
      () => true,
      (error: NodeJS.ErrnoException) => {
        if (error.code === "EPERM" || error.code === "ENOSYS" || error.code === "ENOTSUP") return false;
        throw error;
      },
    );
    await rename(linked ? fresh : blob, path);
  } catch (cause) {
    await rm(fresh, { force: true });
    throw writeError(path, cause);
  }
}

/**
 * Makes a folder of the cache. The cache itself may be behind a link; the folders below it must not be links.
 * @throws PptError WRITE_FAILED if it cannot be made, NOT_FOUND if a link is in its place
 */
export async function readyFolder({ root }: ModelCache, folder: string): Promise<void> {
  let path = root;
  try {
    makeFolder(root);
    for (const part of relative(root, folder).split(sep)) {
      path = join(path, part);
      await mkdir(path).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== "EEXIST") throw error;
      });
      if ((await lstat(path)).isSymbolicLink()) throw leadsOut(path, root, await realpath(path).catch(() => "nowhere"));
    }
  } catch (cause) {
    throw writeError(path, cause);
  }
}

/** Writes a small file beside its place and then moves it there, so that no process reads half of it. */
async function writeWhole(cache: ModelCache, path: string, content: string): Promise<void> {
  await readyFolder(cache, dirname(path));
  const fresh = besides(path);
  try {
    await writeFile(fresh, content, { flag: "wx", flush: true });
    await rename(fresh, path);
  } catch (cause) {
    await rm(fresh, { force: true });
    throw writeError(path, cause);
  }
}

const besides = (path: string): string => `${path}.${randomBytes(8).toString("hex")}.tmp`;

/** @throws PptError NOT_FOUND if `path` leads to `real` outside the model's own folder */
async function requireInside({ root, folder }: ModelCache, path: string, real: string): Promise<void> {
  const own = join(await realpath(root), relative(root, folder));
  if (!real.startsWith(own + sep)) throw leadsOut(path, folder, real);
}

const leadsOut = (path: string, folder: string, to: string) =>
  new PptError("NOT_FOUND", `${path}: a link leads out of ${folder}, to ${to}: nothing is read or written there`);
