/** Models of the Hugging Face Hub in a page or worker, kept in the browser's Cache storage by commit. */
import { PptError } from "@ppt-vit/core";
import type { CheckpointFiles, ReadFileOptions } from "../checkpoint.js";
import { PassingFailure, persist, waitForTimer } from "./attempts.js";
import { defaultRevision, type HubOptions, publicEndpoint } from "./options.js";
import { isCommit, requireFileName } from "./reference.js";
import {
  type ContentHash,
  checkAnswer,
  checkedRemote,
  contentHash,
  fileAddress,
  mostBytes,
  nameOfFile,
  type Remote,
  reasonOf,
  requireCommit,
  send,
  startOf,
  type Transport,
} from "./request.js";

const cacheName = "ppt-vit-hub";

/** What one commit holds. */
interface Listing {
  readonly commit: string;
  readonly files: ReadonlyMap<string, { readonly hash: ContentHash; readonly bytes: number }>;
}

// The files are kept in Cache storage; a second copy in the browser's own cache would only take space.
const transport: Transport = {
  fetch: (input, init) => fetch(input, { ...init, cache: "no-store" }),
  wait: waitForTimer,
};

/**
 * The files of one commit. A page cannot see where a redirect leads, and so asks the hub's API for commit, sizes and
 * hashes, once a load; a commit that is cached needs no network.
 * @throws PptError INVALID_OPTION
 */
export function hubFiles(id: string, options: HubOptions = {}): CheckpointFiles {
  const remote = checkedRemote({
    id,
    revision: options.revision ?? defaultRevision,
    endpoint: options.endpoint ?? publicEndpoint,
    token: options.token,
  });
  const { revision } = remote;
  const offline = options.localFilesOnly ?? false;
  let listed: Promise<Listing> | undefined;

  return {
    name: id,
    async read(file, { optional, ...readOptions }) {
      requireFileName(file);
      const cache = await openCache();
      listed ??= list(cache, remote, offline, readOptions.signal);
      const { commit, files } = await listed;
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
          `${id}: ${file} is not in this browser's cache, and localFilesOnly keeps us from asking for it`,
        );
      const bytes = await download(remote, address, file, entry, readOptions);
      await keep(cache, address, bytes);
      return bytes;
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

async function list(cache: Cache, remote: Remote, offline: boolean, signal: AbortSignal | undefined): Promise<Listing> {
  const { id, revision, endpoint } = remote;
  const address = new URL(`${endpoint}/api/models/${id}/revision/${encodeURIComponent(revision)}?blobs=true`);
  const cached = offline || isCommit(revision) ? await cache.match(address) : undefined;
  if (cached) return parseListing(await cached.json(), remote);
  if (offline)
    throw new PptError(
      "NOT_FOUND",
      `${id}: revision ${revision} is not in this browser's cache, and localFilesOnly keeps us from asking for it`,
    );
  const json: unknown = await persist(id, { wait: transport.wait, signal }, async () => {
    const response = await checkAnswer(await send(transport, remote, address, { what: id, signal }), remote, id);
    if (!response) throw new PptError("NOT_FOUND", `${id}: there is no such model at ${endpoint}: check the id`);
    return response.json().catch((cause: unknown) => {
      throw new PassingFailure(`the list of its files cannot be read (${reasonOf(cause)})`, { cause });
    });
  });
  const listing = parseListing(json, remote);
  await keep(cache, address, new TextEncoder().encode(JSON.stringify(json)));
  return listing;
}

/** `{ sha, siblings: [{ rfilename, size, blobId, lfs: { sha256, size } }] }`; what lies in folders is not for us. */
function parseListing(json: unknown, remote: Remote): Listing {
  const { sha, siblings } = (json ?? {}) as { sha?: unknown; siblings?: unknown };
  const commit = requireCommit(typeof sha === "string" ? sha : undefined, remote, remote.id);
  const files = new Map<string, { hash: ContentHash; bytes: number }>();
  for (const sibling of Array.isArray(siblings) ? siblings : []) {
    const { rfilename, size, blobId, lfs } = (sibling ?? {}) as Record<string, unknown>;
    const stored = lfs as { sha256?: unknown; size?: unknown } | undefined;
    const hash = contentHash(String(stored?.sha256 ?? blobId));
    const bytes = stored?.size ?? size;
    if (typeof rfilename === "string" && hash && typeof bytes === "number" && Number.isSafeInteger(bytes) && bytes >= 0)
      files.set(rfilename, { hash, bytes });
  }
  if (files.size > 0) return { commit, files };
  throw new PptError(
    "DOWNLOAD_FAILED",
    `${remote.id}: ${remote.endpoint} lists no files with their hashes: use a Hugging Face hub or a mirror of one`,
  );
}

/** The whole file, checked. What has arrived is kept from attempt to attempt. */
async function download(
  remote: Remote,
  address: URL,
  file: string,
  { hash, bytes: size }: { readonly hash: ContentHash; readonly bytes: number },
  { signal, onProgress }: Omit<ReadFileOptions, "optional">,
): Promise<Uint8Array<ArrayBuffer>> {
  const what = nameOfFile(remote, file);
  if (size > mostBytes(file))
    throw new PptError("DOWNLOAD_FAILED", `${what}: has ${size} bytes, more than the ${mostBytes(file)} it may have`);
  const bytes = new Uint8Array(size);
  let loaded = 0;
  return persist(what, { wait: transport.wait, signal }, async () => {
    if (loaded < size) {
      const answer = await checkAnswer(
        await send(transport, remote, address, { what, offset: loaded, signal }),
        remote,
        what,
      );
      if (!answer?.body) throw new PptError("NOT_FOUND", `${what}: is listed, but not there: try again`);
      loaded = startOf(answer, loaded);
      const body = answer.body.getReader();
      try {
        for (let next = await body.read(); !next.done; next = await body.read()) {
          if (loaded + next.value.length > size) {
            loaded = 0;
            throw new PassingFailure(`more than the announced ${size} bytes came`);
          }
          bytes.set(next.value, loaded);
          loaded += next.value.length;
          onProgress?.(loaded, size);
        }
      } catch (cause) {
        signal?.throwIfAborted();
        if (cause instanceof PassingFailure) throw cause;
        throw new PassingFailure(`the connection broke (${reasonOf(cause)})`, { cause });
      } finally {
        await body.cancel().catch(() => {}); // broken already
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

/** Storage that is full costs the next load a download, and this one nothing. */
async function keep(cache: Cache, address: URL, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
  try {
    await cache.put(address, new Response(bytes));
  } catch (error) {
    console.warn(`ppt-vit: ${address} is not kept in this browser's cache (${reasonOf(error)})`);
  }
}
