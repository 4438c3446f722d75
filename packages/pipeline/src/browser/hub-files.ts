/** Models of the Hugging Face Hub in a page or worker, kept in the browser's Cache storage by commit. */
import { PptError, reasonOf } from "@ppt-vit/core";
import { allocate } from "../checkpoint/allocate.js";
import type { CheckpointFiles, ReadFileOptions } from "../checkpoint/files.js";
import type { LoadOptions } from "../checkpoint/options.js";
import { PassingFailure, persist, waitForTimer } from "../hub/attempts.js";
import {
  announce,
  type Conversion,
  conversionIn,
  findConversion,
  hasModelWeights,
  isConversion,
  isModelWeights,
  mayBeElsewhere,
} from "../hub/conversion.js";
import { type DownloadLimits, downloadLimits, mostBytes, tooLarge } from "../hub/limits.js";
import { askHub, type ListedFile, type Listing, listingAddress, parseListing } from "../hub/listing.js";
import { defaultRevision, type HubOptions, publicEndpoint } from "../hub/options.js";
import { isCommit, requireFileName } from "../hub/reference.js";
import {
  type Connection,
  type ContentHash,
  checkAnswer,
  checkedRemote,
  fileAddress,
  nameOfFile,
  type Remote,
  send,
  startOf,
  type Transport,
} from "../hub/request.js";
import { piecesOf } from "../hub/silence.js";

const cacheName = "ppt-vit-hub";

// Files go to Cache storage. A second copy in the browser's HTTP cache would only take space.
const transport: Transport = {
  fetch: (input, init) => fetch(input, { ...init, cache: "no-store" }),
  wait: waitForTimer,
};

/**
 * The files of one commit. A page cannot see where a redirect leads, so it asks the hub's API for commit, sizes and hashes,
 * once per load. A cached commit needs no network. If the default branch has no safetensors, the weights come from the pull
 * request of the Hub's converter.
 * @throws PptError INVALID_OPTION
 */
export function hubFiles(
  id: string,
  options: HubOptions & Pick<LoadOptions, "progress_callback"> = {},
): CheckpointFiles {
  const remote = checkedRemote({
    id,
    revision: options.revision ?? defaultRevision,
    endpoint: options.endpoint ?? publicEndpoint,
    token: options.token,
  });
  const { revision } = remote;
  const offline = options.localFilesOnly ?? false;
  const connection = { ...transport, ...downloadLimits(options) };
  let listed: Promise<Listing> | undefined;
  let withWeights: Promise<Listing> | undefined;

  /** The listing with the weights: `main`, or the converter's branch if `main` has no safetensors. */
  async function listWeights(cache: Cache, main: Listing, signal: AbortSignal | undefined): Promise<Listing> {
    if (!mayBeElsewhere(remote) || hasModelWeights(main)) return main;
    const known = conversionAddress(remote, main.commit);
    const cached = await cache.match(known);
    let found = cached && parseConversion(await cached.json(), remote);
    if (!found && !offline) {
      const fresh = await findConversion(connection, remote, main, signal);
      if (fresh) {
        const { revision, json } = fresh;
        await keep(cache, known, new TextEncoder().encode(JSON.stringify({ revision, json })));
        found = fresh;
      }
    }
    if (!found) return main;
    announce(id, found, options.progress_callback);
    return found.listing;
  }

  return {
    name: id,
    async read(file, { optional, ...readOptions }) {
      requireFileName(file);
      const cache = await openCache();
      listed ??= list(cache, connection, remote, offline, readOptions.signal);
      const main = await listed;
      if (isModelWeights(file)) withWeights ??= listWeights(cache, main, readOptions.signal);
      const { commit, files } = isModelWeights(file) ? await withWeights! : main;
      const entry = files.get(file);
      if (!entry && optional) return undefined;
      if (!entry)
        throw new PptError("NOT_FOUND", `${id}: has no ${file} at revision ${revision}: check the id and the revision`);
      const address = fileAddress(remote, commit, file);
      const cached = await cache.match(address);
      if (cached) return new Uint8Array(await cached.arrayBuffer());
      if (offline)
        throw new PptError(
          "NOT_FOUND",
          `${id}: ${file} is not in this browser's cache, and localFilesOnly forbids the download`,
        );
      const bytes = await download(connection, remote, address, file, entry, readOptions);
      await keep(cache, address, bytes);
      return bytes;
    },
    async look({ signal }) {
      listed ??= list(await openCache(), connection, remote, offline, signal);
      const { files, baseModels } = await listed;
      const useFolder = () => "serve that folder beside the page and pass its address";
      return { names: [...files.keys()], baseModels, useFolder };
    },
  };
}

async function openCache(): Promise<Cache> {
  if (typeof caches === "object" && crypto.subtle) return caches.open(cacheName);
  throw new PptError(
    "INVALID_OPTION",
    "models of the Hub need a secure page (https or localhost), where there are Cache storage and hashes: serve the model beside the page and pass its address instead",
  );
}

async function list(
  cache: Cache,
  connection: Connection,
  remote: Remote,
  offline: boolean,
  signal: AbortSignal | undefined,
): Promise<Listing> {
  const { id, revision, endpoint } = remote;
  const address = listingAddress(remote, revision);
  const cached = offline || isCommit(revision) ? await cache.match(address) : undefined;
  if (cached) return parseListing(await cached.json(), remote);
  if (offline)
    throw new PptError(
      "NOT_FOUND",
      `${id}: revision ${revision} is not in this browser's cache, and localFilesOnly forbids the download`,
    );
  const json = await askHub(connection, remote, address, signal);
  if (json === undefined) throw new PptError("NOT_FOUND", `${id}: there is no such model at ${endpoint}: check the id`);
  const listing = parseListing(json, remote);
  await keep(cache, address, new TextEncoder().encode(JSON.stringify(json)));
  return listing;
}

/** The cache's key for the conversion of a commit. It is never requested. */
const conversionAddress = ({ endpoint, id }: Remote, commit: string): URL =>
  new URL(`${endpoint}/api/models/${id}/ppt-vit-conversion/${commit}`);

/** Parses a conversion from the cache, `{ revision, json }`. */
function parseConversion(kept: unknown, remote: Remote): (Conversion & { readonly listing: Listing }) | undefined {
  const { revision, json } = (kept ?? {}) as { revision?: unknown; json?: unknown };
  const listing = parseListing(json, { ...remote, revision: String(revision) });
  const conversion = conversionIn(String(revision), listing);
  return isConversion(conversion) ? { ...conversion, listing } : undefined;
}

/** Downloads a whole file and checks its hash. A retry continues after the bytes that have arrived. */
async function download(
  connection: Connection & DownloadLimits,
  remote: Remote,
  address: URL,
  file: string,
  { hash, bytes: size }: ListedFile,
  { signal, onProgress }: Omit<ReadFileOptions, "optional">,
): Promise<Uint8Array<ArrayBuffer>> {
  const what = nameOfFile(remote, file);
  const most = mostBytes(file, connection, true);
  if (size > most) throw tooLarge(what, file, size, most);
  const bytes = allocate(size, what);
  let loaded = 0;
  return persist(what, { wait: connection.wait, signal }, async () => {
    if (loaded < size) {
      const answer = await checkAnswer(
        await send(connection, remote, address, { what, offset: loaded, signal }),
        remote,
        what,
      );
      if (!answer?.body) throw new PptError("NOT_FOUND", `${what}: is listed, but not there: try again`);
      loaded = startOf(answer, loaded);
      for await (const piece of piecesOf(answer.body, { timeoutMs: connection.timeoutMs, signal })) {
        if (loaded + piece.length > size) {
          loaded = 0;
          throw new PassingFailure(`more than the announced ${size} bytes came`);
        }
        bytes.set(piece, loaded);
        loaded += piece.length;
        onProgress?.(loaded, size);
      }
      if (loaded < size) throw new PassingFailure(`the connection ended after ${loaded} of ${size} bytes`);
    }
    const digest = await digestOf(bytes, hash);
    if (digest === hash.hex) return bytes;
    throw new PptError(
      "DOWNLOAD_FAILED",
      `${what}: its ${hash.algorithm} is ${digest}, the hub announces ${hash.hex}: nothing of it was kept; try again`,
    );
  });
}

async function digestOf(bytes: Uint8Array<ArrayBuffer>, { algorithm }: ContentHash): Promise<string> {
  const content = algorithm === "sha256" ? bytes : await new Blob([`blob ${bytes.length}\0`, bytes]).arrayBuffer();
  const digest = await crypto.subtle.digest(algorithm === "sha256" ? "SHA-256" : "SHA-1", content);
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Puts a file into the cache. If the storage is full, the next load downloads the file again. */
async function keep(cache: Cache, address: URL, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
  try {
    await cache.put(address, new Response(bytes));
  } catch (error) {
    console.warn(`ppt-vit: ${address} is not kept in this browser's cache (${reasonOf(error)})`);
  }
}
