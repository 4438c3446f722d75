/** Downloads one file of a model from a hub into the cache. Node only: a page cannot see where a redirect leads. */
import { PptError } from "@ppt-vit/core";
import { PassingFailure, persist } from "../../hub/attempts.js";
import { type DownloadLimits, mostBytes, tooLarge } from "../../hub/limits.js";
import { isCommit } from "../../hub/reference.js";
import {
  type Connection,
  type ContentHash,
  checkAnswer,
  contentHash,
  fileAddress,
  nameOfFile,
  type Remote,
  requireCommit,
  send,
  startOf,
} from "../../hub/request.js";
import { piecesOf } from "../../hub/silence.js";
import { blobPath, isFile, linkBlob, type ModelCache } from "./cache.js";
import { openPart, type Part } from "./part.js";

/** A file's commit, hash and size, and the address of its bytes. */
interface Located {
  readonly commit: string;
  readonly hash: ContentHash;
  readonly bytes: number | undefined;
  readonly address: URL;
  /** Whether the bytes are on another host, which gets no token. */
  readonly elsewhere: boolean;
  /** The answer whose body is the file, if the hub itself sends it. */
  readonly response?: Response;
}

export interface DownloadOptions {
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((loadedBytes: number, totalBytes: number) => void) | undefined;
}

/** The commit that a file came from; `hash` is undefined if that commit has no such file. */
export interface Downloaded {
  readonly commit: string;
  readonly hash: string | undefined;
}

const mostRedirects = 5;

/**
 * Downloads a file into the cache, unless its content is there already, and links it into its commit's snapshot. A broken
 * download is continued from its last byte.
 * @throws PptError DOWNLOAD_FAILED, ACCESS_DENIED, NOT_FOUND, WRITE_FAILED; the signal's reason when aborted
 */
export async function downloadFile(
  transport: Connection & DownloadLimits,
  remote: Remote,
  cache: ModelCache,
  { file, revision }: { readonly file: string; readonly revision: string },
  { signal, onProgress }: DownloadOptions,
): Promise<Downloaded> {
  const what = nameOfFile(remote, file);
  let part: Part | undefined;
  try {
    return await persist(what, { wait: transport.wait, signal }, async () => {
      const located = await locate(transport, remote, revision, file, signal);
      const { commit, hash } = located;
      if (!hash) return { commit, hash };
      try {
        if (!(await isFile(blobPath(cache, hash.hex)))) {
          // A branch may have moved on between two attempts.
          if (part && part.hash.hex !== hash.hex) {
            await part.close();
            part = undefined;
          }
          part ??= await openPart(cache, hash);
          await fill(part, transport, remote, file, located, { signal, onProgress });
          await part.keep();
        }
      } finally {
        // A body that nobody reads would keep the connection open.
        if (located.response && !located.response.body?.locked) await located.response.body?.cancel();
      }
      await linkBlob(cache, hash.hex, commit, file);
      return { commit, hash: hash.hex };
    });
  } finally {
    await part?.close();
  }
}

/** Asks the hub where a file is. Redirects are followed one by one, because their headers tell commit, hash and size. */
async function locate(
  transport: Connection & DownloadLimits,
  remote: Remote,
  revision: string,
  file: string,
  signal: AbortSignal | undefined,
): Promise<Located | { readonly commit: string; readonly hash?: undefined }> {
  const what = nameOfFile(remote, file);
  const asked = { ...remote, revision };
  let address = fileAddress(remote, revision, file);
  const hub = address.origin;
  const told = new Map<string, string>();
  for (let hops = 0; hops <= mostRedirects; hops++) {
    const headers = { "accept-encoding": "identity" };
    const response = await send(transport, remote, address, { what, redirect: "manual", headers, signal });
    for (const name of ["x-repo-commit", "x-linked-etag", "x-linked-size"]) {
      const value = response.headers.get(name);
      if (value !== null) told.set(name, value);
    }
    const location = isRedirect(response.status) ? response.headers.get("location") : null;
    if (location !== null) {
      await response.body?.cancel();
      address = redirectTarget(location, address, what);
      if (address.origin === hub) continue;
      return { ...describe(told, undefined, asked, what), address, elsewhere: true };
    }
    const answer = await checkAnswer(response, remote, what);
    if (!answer && !told.has("x-repo-commit") && !isCommit(revision))
      throw new PptError("NOT_FOUND", `${what}: is not there (404): check the id, the revision and ${remote.endpoint}`);
    if (!answer) return { commit: requireCommit(told.get("x-repo-commit"), asked, what) };
    return { ...describe(told, answer, asked, what), address, elsewhere: false, response: answer };
  }
  throw new PptError("DOWNLOAD_FAILED", `${what}: more than ${mostRedirects} redirects, the last to ${address.host}`);
}

const isRedirect = (status: number) => status >= 300 && status < 400;

function redirectTarget(location: string, from: URL, what: string): URL {
  const target = URL.canParse(location, from.href) ? new URL(location, from) : undefined;
  if (target && /^https?:$/.test(target.protocol)) return target;
  throw new PptError("DOWNLOAD_FAILED", `${what}: ${from.host} redirects to something that is no web address`);
}

/** Commit, hash and size: from the headers about the linked file, else from the answer itself. */
function describe(told: ReadonlyMap<string, string>, answer: Response | undefined, asked: Remote, what: string) {
  const commit = requireCommit(told.get("x-repo-commit"), asked, what);
  const hash = contentHash(told.get("x-linked-etag") ?? answer?.headers.get("etag"));
  if (!hash)
    throw new PptError(
      "DOWNLOAD_FAILED",
      `${what}: ${asked.endpoint} gives no hash of the file (ETag), so that it could not be checked: use a Hugging Face hub or a mirror of one`,
    );
  // For a compressed body, content-length is not the length that arrives.
  const own = answer?.headers.get("content-encoding") ? null : answer?.headers.get("content-length");
  const size = told.get("x-linked-size") ?? own;
  return { commit, hash, bytes: size && /^\d+$/.test(size) ? Number(size) : undefined };
}

/** Appends the missing bytes to `part` and checks the hash. @throws PassingFailure, PptError DOWNLOAD_FAILED */
async function fill(
  part: Part,
  transport: Connection & DownloadLimits,
  remote: Remote,
  file: string,
  located: Located,
  { signal, onProgress }: DownloadOptions,
): Promise<void> {
  const what = nameOfFile(remote, file);
  const { bytes, hash } = located;
  const most = mostBytes(file, transport, bytes !== undefined);
  if (bytes !== undefined && bytes > most) throw tooLarge(what, file, bytes, most);
  if (part.bytes > (bytes ?? most)) await part.cutTo(0);
  const resumed = part.bytes > 0;
  if (part.bytes !== bytes) {
    const body = await bodyFrom(part, transport, remote, located, what, signal);
    onProgress?.(part.bytes, bytes ?? 0);
    for await (const piece of piecesOf(body, { timeoutMs: transport.timeoutMs, signal })) {
      // A body without an end must not fill the disk.
      if (part.bytes + piece.length > (bytes ?? most)) {
        await part.cutTo(0);
        throw bytes === undefined
          ? tooLarge(what, file, bytes, most)
          : new PassingFailure(`more than the announced ${bytes} bytes came`);
      }
      await part.append(piece);
      onProgress?.(part.bytes, bytes ?? 0);
    }
    if (bytes !== undefined && part.bytes < bytes)
      throw new PassingFailure(`the connection ended after ${part.bytes} of ${bytes} bytes`);
  }
  const digest = await part.digest(signal);
  if (digest === hash.hex) return;
  await part.cutTo(0);
  const message = `its ${hash.algorithm} is ${digest}, the hub announces ${hash.hex}`;
  // The bytes of an earlier download may be wrong: retry from the start.
  if (resumed) throw new PassingFailure(message);
  throw new PptError("DOWNLOAD_FAILED", `${what}: ${message}: nothing of it was kept; try again`);
}

/** The bytes that follow those of `part`. If the server begins earlier, `part` is cut to that place. */
async function bodyFrom(
  part: Part,
  transport: Connection,
  remote: Remote,
  { address, elsewhere, response: whole }: Located,
  what: string,
  signal: AbortSignal | undefined,
): Promise<ReadableStream<Uint8Array<ArrayBuffer>>> {
  if (whole?.body && part.bytes === 0) return whole.body;
  const response = await send(transport, remote, address, {
    what,
    offset: part.bytes,
    headers: { "accept-encoding": "identity" },
    signal,
  });
  const { status } = response;
  const refused = status === 416 || (elsewhere && (status === 401 || status === 403));
  if (refused) await response.body?.cancel();
  if (status === 416) await part.cutTo(0);
  // Addresses of storage expire. A retry asks the hub for a new one.
  if (refused) throw new PassingFailure(`${address.host} refuses the address or the range (${status})`);
  const answer = await checkAnswer(response, remote, what);
  if (!answer?.body) throw new PptError("DOWNLOAD_FAILED", `${what}: ${address.host} has nothing there (${status})`);
  const start = startOf(answer, part.bytes);
  if (start < part.bytes) await part.cutTo(start);
  return answer.body;
}
