/** Requests to a hub, and errors that say what its answers mean and what to do. */
import { PptError } from "@ppt-vit/core";
import { quoted } from "../text/quoted.js";
import { PassingFailure, type Wait } from "./attempts.js";
import { connectionReason } from "./reason.js";
import { isCommit, requireModelId, requireRevision } from "./reference.js";
import { answerWithin } from "./silence.js";

/** The network and the clock. Tests replace both. */
export interface Transport {
  readonly fetch: typeof fetch;
  readonly wait: Wait;
}

/** The network, and how long it may be silent. */
export interface Connection extends Transport {
  readonly timeoutMs: number;
}

/** One model on one hub. */
export interface Remote {
  readonly id: string;
  readonly revision: string;
  /** Without a slash at its end. */
  readonly endpoint: string;
  readonly token: string | undefined;
}

/** Checks the form of all parts. @throws PptError INVALID_OPTION */
export function checkedRemote({ id, revision, endpoint, token }: Remote): Remote {
  requireModelId(id);
  requireRevision(revision);
  const url = URL.canParse(endpoint) ? new URL(endpoint) : undefined;
  if (!url || !/^https?:$/.test(url.protocol) || url.username || url.password || url.search || url.hash)
    throw new PptError(
      "INVALID_OPTION",
      `endpoint ${quoted(endpoint.replace(/\/\/[^@/]*@/, "//...@"))}: expected an address such as https://host, without a name or password in it`,
    );
  // The token is a secret, so the message does not show it.
  if (token !== undefined && !/^[\x21-\x7e]+$/.test(token))
    throw new PptError("INVALID_OPTION", "the token holds characters that no token has: check HF_TOKEN");
  return { id, revision, endpoint: url.href.replace(/\/+$/, ""), token: token === "" ? undefined : token };
}

/** A file's name in messages. */
export const nameOfFile = ({ id }: Remote, file: string): string => `${id}/${file}`;

export const fileAddress = ({ endpoint, id }: Remote, revision: string, file: string): URL =>
  new URL(`${endpoint}/${id}/resolve/${encodeURIComponent(revision)}/${encodeURIComponent(file)}`);

export interface RequestOptions {
  /** What messages call the file or page that is requested. */
  readonly what: string;
  /** The first byte wanted. */
  readonly offset?: number;
  readonly redirect?: "manual" | "follow";
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal | undefined;
}

/** Failures that a retry does not cure. */
const unreachable = new Set(["ENOTFOUND", "ECONNREFUSED", "ERR_INVALID_URL"]);

/**
 * Sends one request. The token goes only to the endpoint's own origin: when `fetch` follows a redirect to another origin, it
 * drops the token itself.
 * @throws PassingFailure if a retry may help, PptError DOWNLOAD_FAILED if the server cannot be reached
 */
export async function send(
  { fetch, timeoutMs }: Connection,
  { endpoint, token }: Remote,
  url: URL,
  { what, offset = 0, redirect = "follow", headers, signal }: RequestOptions,
): Promise<Response> {
  const trusted = url.origin === new URL(endpoint).origin;
  try {
    return await answerWithin(url.host, { timeoutMs, signal }, (signal) =>
      fetch(url, {
        redirect,
        signal,
        headers: {
          ...headers,
          ...(token !== undefined && trusted && { authorization: `Bearer ${token}` }),
          ...(offset > 0 && { range: `bytes=${offset}-` }),
        },
      }),
    );
  } catch (cause) {
    signal?.throwIfAborted();
    if (cause instanceof PassingFailure) throw cause;
    const reason = connectionReason(cause);
    if (unreachable.has(reason))
      throw new PptError(
        "DOWNLOAD_FAILED",
        `${what}: ${url.host} cannot be reached (${reason}): check the connection and HF_ENDPOINT; localFilesOnly or HF_HUB_OFFLINE=1 takes what is in the cache`,
        { cause },
      );
    throw new PassingFailure(`${url.host} cannot be reached (${reason})`, { cause });
  }
}

const busy = new Set([408, 425, 429, 500, 502, 503, 504]);

/**
 * Returns an answer with a body (200, 206), and undefined for a file that is not there.
 * @throws PassingFailure if a retry may help; PptError ACCESS_DENIED, NOT_FOUND, DOWNLOAD_FAILED
 */
export async function checkAnswer(
  response: Response,
  remote: Remote,
  what: string,
  now = Date.now(),
): Promise<Response | undefined> {
  const { status, headers } = response;
  if (status === 200 || status === 206) return response;
  await response.body?.cancel();
  const { id, revision, endpoint, token } = remote;
  const page = `${endpoint}/${id}`;
  const code = headers.get("x-error-code") ?? "";
  if (busy.has(status))
    throw new PassingFailure(`the server answers ${status}`, { waitMs: retryAfterMs(headers.get("retry-after"), now) });
  if (code === "GatedRepo" || ((status === 401 || status === 403) && code !== "RevisionNotFound")) {
    const gated = code === "GatedRepo" ? `accept the terms at ${page}` : `check the id; accept the terms at ${page}`;
    const access = token === undefined ? "set HF_TOKEN to a token of yours" : "check that the token may read it";
    throw new PptError("ACCESS_DENIED", `${what}: access denied (${status}): ${gated}, and ${access}`);
  }
  if (code === "RevisionNotFound")
    throw new PptError("NOT_FOUND", `${what}: ${id} has no revision ${quoted(revision)} at ${endpoint}`);
  if (code === "RepoNotFound")
    throw new PptError(
      "NOT_FOUND",
      `${what}: there is no model ${quoted(id)} at ${endpoint}: check the id; for a folder write ./ in front`,
    );
  if (status === 404) return undefined;
  throw new PptError(
    "DOWNLOAD_FAILED",
    `${what}: the server answers ${status}: expected 200, 206 or 404. Try again later`,
  );
}

/** Reads `Retry-After`, which is a number of seconds or a date. */
function retryAfterMs(value: string | null, now: number): number | undefined {
  if (value === null) return undefined;
  if (/^\d{1,9}$/.test(value.trim())) return 1000 * Number(value);
  const date = Date.parse(value);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}

/** The hash of a file's content: SHA-256 if the file is stored as LFS, else the hash of its git blob. */
export interface ContentHash {
  readonly algorithm: "sha256" | "git-sha1";
  /** Lower-case hex; the name of the blob in the cache. */
  readonly hex: string;
}

/** The hash in a hub's ETag; undefined if the ETag is no hash. */
export function contentHash(etag: string | null | undefined): ContentHash | undefined {
  const hex = etag?.trim().replace(/^W\//, "").replaceAll('"', "");
  if (hex === undefined) return undefined;
  if (/^[0-9a-f]{64}$/.test(hex)) return { algorithm: "sha256", hex };
  return /^[0-9a-f]{40}$/.test(hex) ? { algorithm: "git-sha1", hex } : undefined;
}

/** @throws PptError DOWNLOAD_FAILED unless `value` is a commit, and the requested one if `revision` is a commit. */
export function requireCommit(value: string | null | undefined, { endpoint, revision }: Remote, what: string): string {
  const commit = value ?? (isCommit(revision) ? revision : "");
  if (!isCommit(commit))
    throw new PptError(
      "DOWNLOAD_FAILED",
      `${what}: the answer names no commit: check that ${endpoint} is a Hugging Face hub, without a login page in between`,
    );
  if (isCommit(revision) && commit !== revision)
    throw new PptError("DOWNLOAD_FAILED", `${what}: commit ${revision} was requested, ${commit} came`);
  return commit;
}

/** Where a body starts: at `offset`, or at 0 if the server ignores ranges. @throws PassingFailure for any other range */
export function startOf(response: Response, offset: number): number {
  if (response.status === 200) return 0;
  const range = /^bytes (\d+)-/.exec(response.headers.get("content-range") ?? "");
  if (Number(range?.[1]) === offset) return offset;
  throw new PassingFailure(`the server sent another range than ${offset}- (${response.headers.get("content-range")})`);
}
