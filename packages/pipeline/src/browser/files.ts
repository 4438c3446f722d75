/** Checkpoints in the browser: on the Hub, at an address, in a folder that was picked or dropped, or in a store of your own. */
import { PptError } from "@ppt-vit/core";
import type { CheckpointFiles, ReadFileOptions } from "../checkpoint.js";
import { hubFiles } from "../hub/browser-files.js";
import type { HubOptions } from "../hub/options.js";
import { quoted } from "../hub/quoted.js";
import { looksLikeModelId } from "../hub/reference.js";
import { baseAddress } from "./address.js";

/**
 * A model of the Hub (`org/name`); the address of a folder (`./model/`, `/model/`, `https://...`, a URL); the files of a folder from
 * `<input type="file" webkitdirectory>` or from a drop; a directory handle; or a store of your own.
 */
export type BrowserCheckpointSource =
  | string
  | URL
  | Iterable<File>
  | NamedBlobs
  | FileSystemDirectoryHandle
  | CheckpointFiles;

/** A source that can be sent to a worker. */
export type PortableSource = string | FileSystemDirectoryHandle | NamedBlobs;

/** Files by name, and what their folder is called. */
export interface NamedBlobs {
  readonly folder: string;
  readonly blobs: ReadonlyMap<string, Blob>;
}

/** The same source without what is lost on the way to a worker: bases of addresses, and paths of files. */
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

/** @throws PptError INVALID_OPTION for what is neither an id, nor an address, nor files */
export function checkpointFiles(
  source: BrowserCheckpointSource | PortableSource,
  options: HubOptions = {},
): CheckpointFiles {
  if (isModelId(source)) return hubFiles(source, options);
  if (typeof source === "string" || source instanceof URL) return filesAt(addressOf(source), String(source));
  if (isDirectory(source)) return filesIn(source);
  if (Symbol.iterator in source) return filesOf(blobsByName(source));
  return "blobs" in source ? filesOf(source) : source;
}

const isDirectory = (source: object): source is FileSystemDirectoryHandle =>
  "kind" in source && source.kind === "directory";

/** `org/name` is an id, `./org/name` an address. */
const isModelId = (source: BrowserCheckpointSource | PortableSource): source is string =>
  typeof source === "string" && looksLikeModelId(source);

/** An address and a name are told apart by form, as paths are in Node. */
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
  // Files are looked up in the folder, not beside it.
  if (!url.pathname.endsWith("/")) url.pathname += "/";
  return url;
}

function filesAt(folder: URL, name: string): CheckpointFiles {
  return {
    name,
    async read(file, options) {
      const url = new URL(file, folder);
      const response = await fetch(url, { signal: options.signal ?? null }).catch((cause: unknown) => {
        options.signal?.throwIfAborted();
        const reason = cause instanceof Error ? cause.message : String(cause);
        throw new PptError("NOT_FOUND", `${url}: cannot be fetched (${reason})`, { cause });
      });
      // Servers of single-page applications answer with the page where there is no file.
      const isPage = response.headers.get("content-type")?.startsWith("text/html") ?? false;
      if (response.ok && !isPage) return readBody(response, options);
      await response.body?.cancel();
      if (options.optional && (response.status === 404 || isPage)) return undefined;
      const reason = response.ok ? "an HTML page came instead" : `${response.status} ${response.statusText}`.trim();
      throw new PptError("NOT_FOUND", `${url}: cannot be fetched (${reason})`);
    },
  };
}

/** The whole body, with the caller told how far it is. */
async function readBody(response: Response, { onProgress }: ReadFileOptions): Promise<Uint8Array> {
  const { body, headers } = response;
  if (!body) return new Uint8Array(await response.arrayBuffer());
  // Of a compressed body the header tells another length than arrives.
  const total = headers.get("content-encoding") ? 0 : Number(headers.get("content-length") ?? 0);
  // As large as announced, so that a large model lies in memory once; more where the header said too little.
  let bytes = new Uint8Array(total);
  let loaded = 0;
  const reader = body.getReader();
  for (let next = await reader.read(); !next.done; next = await reader.read()) {
    if (loaded + next.value.length > bytes.length) {
      const larger = new Uint8Array(2 * (loaded + next.value.length));
      larger.set(bytes.subarray(0, loaded));
      bytes = larger;
    }
    bytes.set(next.value, loaded);
    loaded += next.value.length;
    onProgress?.(loaded, total);
  }
  return bytes.subarray(0, loaded);
}

function filesIn(directory: FileSystemDirectoryHandle): CheckpointFiles {
  return {
    name: directory.name,
    async read(file, { optional }) {
      try {
        return await bytesOf(await (await directory.getFileHandle(file)).getFile());
      } catch (cause) {
        const reason = cause instanceof Error ? cause.name : String(cause);
        if (optional && reason === "NotFoundError") return undefined;
        throw new PptError("NOT_FOUND", `${directory.name}/${file}: cannot be read (${reason})`, { cause });
      }
    },
  };
}

/** Files by their names; of several with one name, the one nearest to the top of the folder. */
function blobsByName(files: Iterable<File>): NamedBlobs {
  const depth = ({ webkitRelativePath: path }: File) => path.split("/").length;
  const blobs = new Map<string, File>();
  let folder = "folder";
  for (const file of files) {
    const known = blobs.get(file.name);
    if (!known || depth(file) < depth(known)) blobs.set(file.name, file);
    folder = file.webkitRelativePath.split("/").find(Boolean) ?? folder;
  }
  return { folder, blobs };
}

function filesOf({ folder, blobs }: NamedBlobs): CheckpointFiles {
  return {
    name: folder,
    async read(file, { optional }) {
      const blob = blobs.get(file);
      if (!blob && optional) return undefined;
      if (!blob) throw new PptError("NOT_FOUND", `${folder}/${file}: is not among the ${blobs.size} files`);
      try {
        return await bytesOf(blob);
      } catch (cause) {
        const reason = cause instanceof Error ? cause.name : String(cause);
        throw new PptError("NOT_FOUND", `${folder}/${file}: cannot be read (${reason})`, { cause });
      }
    },
  };
}

const bytesOf = async (blob: Blob): Promise<Uint8Array> => new Uint8Array(await blob.arrayBuffer());
