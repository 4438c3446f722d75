/** Checkpoints in the browser: on the Hub, at an address, in a picked or dropped folder, or in a store of your own. */

import { isPptError, PptError, reasonOf } from "@ppt-vit/core";
import { loadedCode } from "@ppt-vit/core/backend";
import { counted } from "@ppt-vit/core/options";
import { allocate } from "../checkpoint/allocate.js";
import { explaining } from "../checkpoint/explaining.js";
import type { CheckpointFiles, ReadFileOptions } from "../checkpoint/files.js";
import type { LoadOptions } from "../checkpoint/options.js";
import { PassingFailure } from "../hub/attempts.js";
import { type DownloadLimits, downloadLimits, isWeights, mostBytes, mostSmallBytes, tooLarge } from "../hub/limits.js";
import type { HubOptions } from "../hub/options.js";
import { looksLikeModelId } from "../hub/reference.js";
import { answerWithin, piecesOf } from "../hub/silence.js";
import { quoted } from "../text/quoted.js";
import { baseAddress } from "./address.js";
import type { PlatformType } from "./platform-types.js";

/**
 * A model of the Hub (`org/name`); the address of a folder (`./model/`, `/model/`, `https://...`, a URL); the files of a
 * folder, from `<input type="file" webkitdirectory>` or a drop; a directory handle; or a store of your own.
 */
export type BrowserCheckpointSource =
  | string
  | URL
  | Iterable<File>
  | PlatformType<"FileList">
  | NamedBlobs
  | PlatformType<"FileSystemDirectoryHandle">
  | CheckpointFiles;

/** A source that can be sent to a worker. */
export type PortableSource = string | PlatformType<"FileSystemDirectoryHandle"> | NamedBlobs;

/** The files of a folder by name. */
export interface NamedBlobs {
  readonly folder: string;
  readonly blobs: ReadonlyMap<string, Blob>;
  /** Paths of all files in that folder and below it, for errors that say what was found. */
  readonly paths?: readonly string[];
}

/** The source in a form that keeps its meaning in a worker: addresses become absolute, files get their names. */
export function portableSource(source: BrowserCheckpointSource): PortableSource {
  if (isModelId(source)) return source;
  if (typeof source === "string" || source instanceof URL) return addressOf(source).href;
  if (isDirectory(source) || "blobs" in source) return source;
  if (Symbol.iterator in source) return blobsByName(source);
  throw new PptError(
    "INVALID_OPTION",
    "a store of your own cannot be sent to a worker: call fromPretrained with it inside the worker",
  );
}

/** The files of a source. @throws PptError INVALID_OPTION for a text that is neither an id nor an address */
export async function checkpointFiles(
  source: BrowserCheckpointSource | PortableSource,
  options: LoadOptions = {},
): Promise<CheckpointFiles> {
  if (isModelId(source)) {
    const { hubFiles } = await loadedCode(import(/* lazy */ "./hub-files.js"));
    return explaining(hubFiles(source, options));
  }
  if (typeof source === "string" || source instanceof URL) return filesAt(addressOf(source), String(source), options);
  if (isDirectory(source)) return explaining(filesIn(source));
  if (Symbol.iterator in source) return explaining(filesOf(blobsByName(source)));
  return "blobs" in source ? explaining(filesOf(source)) : source;
}

const isDirectory = (source: object): source is FileSystemDirectoryHandle =>
  "kind" in source && source.kind === "directory";

/** Whether a source is an id: `org/name` is one, `./org/name` is an address. */
const isModelId = (source: BrowserCheckpointSource | PortableSource): source is string =>
  typeof source === "string" && looksLikeModelId(source);

/** The address of a folder. Addresses and names are told apart by their form, as paths are in Node. */
function addressOf(source: string | URL): URL {
  if (source === "demo")
    throw new PptError(
      "INVALID_OPTION",
      "in a browser the demo model has an address: serve the folder `model` of @ppt-vit/demo-model and pass its URL",
    );
  if (typeof source === "string" && !/^(\.{0,2}\/|[a-z][a-z0-9+.-]*:)/i.test(source))
    throw new PptError(
      "INVALID_OPTION",
      `model ${quoted(source)} is neither an address nor an id of the Hub (org/name): write ./${quoted(source).slice(1, -1)} for a folder beside the page`,
    );
  const url = new URL(source, baseAddress());
  // Without the slash, files would be looked up beside the folder.
  if (!url.pathname.endsWith("/")) url.pathname += "/";
  return url;
}

/** Files on a server of the caller's choice. The limits of time and size are those of the Hub. */
function filesAt(folder: URL, name: string, options: HubOptions): CheckpointFiles {
  const limits = downloadLimits(options);
  return {
    name,
    async read(file, options) {
      const url = new URL(file, folder);
      const { signal } = options;
      try {
        const response = await answerWithin(url.host, { ...limits, signal }, (signal) => fetch(url, { signal }));
        // Servers of single-page applications answer with the page if there is no file.
        const isPage = response.headers.get("content-type")?.startsWith("text/html") ?? false;
        if (response.ok && !isPage) return await readBody(response, file, url.href, limits, options);
        await response.body?.cancel();
        if (options.optional && (response.status === 404 || isPage)) return undefined;
        const reason = response.ok ? "an HTML page came instead" : `${response.status} ${response.statusText}`.trim();
        throw new PptError("NOT_FOUND", `${url}: cannot be fetched (${reason})`);
      } catch (cause) {
        signal?.throwIfAborted();
        if (isPptError(cause)) throw cause;
        if (cause instanceof PassingFailure)
          throw new PptError("DOWNLOAD_FAILED", `${url}: ${cause.message}: try again`, { cause });
        // Files of an extension or an app have no status: one that is missing fails as a network does.
        if (options.optional && !/^https?:$/.test(url.protocol)) return undefined;
        const reason = reasonOf(cause);
        throw new PptError("NOT_FOUND", `${url}: cannot be fetched (${reason})`, { cause });
      }
    },
  };
}

/** The whole body, with progress. */
async function readBody(
  { body, headers }: Response,
  file: string,
  what: string,
  limits: DownloadLimits,
  { onProgress, signal }: ReadFileOptions,
): Promise<Uint8Array> {
  if (!body) return new Uint8Array(0);
  // For a compressed body, content-length is not the length that arrives.
  const told = headers.get("content-encoding") ? 0 : Number(headers.get("content-length") ?? 0);
  const total = Number.isSafeInteger(told) && told > 0 ? told : 0;
  const most = mostBytes(file, limits, total > 0);
  if (total > most) throw tooLarge(what, file, total, most);
  // Allocated at the announced size, so that a large model is in memory once; enlarged if more bytes arrive.
  let bytes = allocate(total, what);
  let loaded = 0;
  for await (const piece of piecesOf(body, { timeoutMs: limits.timeoutMs, signal })) {
    const needed = loaded + piece.length;
    if (needed > most) throw tooLarge(what, file, total > 0 ? needed : undefined, most);
    if (needed > bytes.length) {
      const larger = allocate(Math.min(2 * needed, most), what);
      larger.set(bytes.subarray(0, loaded));
      bytes = larger;
    }
    bytes.set(piece, loaded);
    loaded = needed;
    onProgress?.(loaded, total);
  }
  return bytes.subarray(0, loaded);
}

/** Most names that are listed. */
const mostNames = 2000;

function filesIn(directory: FileSystemDirectoryHandle): CheckpointFiles {
  return {
    name: directory.name,
    async read(file, { optional }) {
      try {
        return await bytesOf(await (await directory.getFileHandle(file)).getFile(), `${directory.name}/${file}`, file);
      } catch (cause) {
        if (isPptError(cause)) throw cause;
        const reason = cause instanceof Error ? cause.name : String(cause);
        if (optional && reason === "NotFoundError") return undefined;
        throw new PptError("NOT_FOUND", `${directory.name}/${file}: cannot be read (${reason})`, { cause });
      }
    },
    async look() {
      const names: string[] = [];
      await listNames(directory, "", names);
      return { names: names.sort(), useFolder: (inner) => `pick ${directory.name}/${inner} itself` };
    },
  };
}

async function listNames(directory: FileSystemDirectoryHandle, prefix: string, names: string[], depth = 0) {
  const inner: FileSystemDirectoryHandle[] = [];
  // TypeScript's DOM types lack the iteration over a directory.
  const entries = directory as FileSystemDirectoryHandle & AsyncIterable<[string, FileSystemHandle]>;
  for await (const [name, entry] of entries) {
    if (names.length >= mostNames) break;
    if (entry.kind === "file") names.push(prefix + name);
    else if (depth < 2) inner.push(entry as FileSystemDirectoryHandle);
  }
  for (const one of inner) await listNames(one, `${prefix}${one.name}/`, names, depth + 1);
}

/**
 * The files of one folder by name. It is the folder of the config.json nearest to the top. If there is none, or two are
 * equally near, it is the top folder.
 */
function blobsByName(files: Iterable<File>): NamedBlobs {
  const all = [...files].map((file) => ({ file, path: file.webkitRelativePath || file.name }));
  const folderOf = (path: string) => path.slice(0, path.lastIndexOf("/") + 1);
  const depthOf = (path: string) => path.split("/").length;
  const configs = all.filter(({ file }) => file.name === "config.json").map(({ path }) => path);
  const least = Math.min(...configs.map(depthOf));
  const nearest = configs.filter((path) => depthOf(path) === least);
  // Files that were dropped one by one have no folder.
  const top = all[0]?.path.includes("/") ? `${all[0].path.split("/").find(Boolean)}/` : "";
  const base = nearest.length === 1 ? folderOf(nearest[0]!) : top;
  const blobs = new Map(all.filter(({ path }) => folderOf(path) === base).map(({ file }) => [file.name, file]));
  const paths = all.slice(0, mostNames).map(({ path }) => (path.startsWith(base) ? path.slice(base.length) : path));
  return { folder: base.replace(/\/$/, "") || "folder", blobs, paths };
}

function filesOf({ folder, blobs, paths }: NamedBlobs): CheckpointFiles {
  return {
    name: folder,
    async read(file, { optional }) {
      const blob = blobs.get(file);
      if (!blob && optional) return undefined;
      if (!blob)
        throw new PptError(
          "NOT_FOUND",
          `${folder}/${file}: is not among the ${counted(blobs.size, "file")} that were given`,
        );
      try {
        return await bytesOf(blob, `${folder}/${file}`, file);
      } catch (cause) {
        if (isPptError(cause)) throw cause;
        const reason = cause instanceof Error ? cause.name : String(cause);
        throw new PptError("NOT_FOUND", `${folder}/${file}: cannot be read (${reason})`, { cause });
      }
    },
    async look() {
      const names = [...(paths ?? blobs.keys())].sort();
      return { names, useFolder: (inner) => `pick ${folder}/${inner} itself` };
    },
  };
}

/** The bytes of a file. @throws PptError NOT_FOUND if it is not weights and has more than 64 MiB */
async function bytesOf(blob: Blob, what: string, file: string): Promise<Uint8Array> {
  if (!isWeights(file) && blob.size > mostSmallBytes)
    throw new PptError(
      "NOT_FOUND",
      `${what}: ${blob.size} bytes are more than the ${mostSmallBytes} that such a file may have`,
    );
  return new Uint8Array(await blob.arrayBuffer());
}
