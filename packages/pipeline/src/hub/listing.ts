/** What a hub's API says of a model: its commit, its files, and its base models. */
import { PptError, reasonOf } from "@ppt-vit/core";
import { PassingFailure, persist } from "./attempts.js";
import { mostSmallBytes } from "./limits.js";
import {
  type Connection,
  type ContentHash,
  checkAnswer,
  contentHash,
  type Remote,
  requireCommit,
  send,
} from "./request.js";
import { wholeBody } from "./silence.js";

export interface ListedFile {
  readonly hash: ContentHash;
  readonly bytes: number;
}

/** The files of one commit. */
export interface Listing {
  readonly commit: string;
  readonly files: ReadonlyMap<string, ListedFile>;
  /** The field `base_model` of the model card, unchecked: usually one id, or a list of them. */
  readonly baseModels: readonly unknown[];
}

/**
 * Reads JSON at an address of the hub's API; undefined for 404.
 * @throws PptError DOWNLOAD_FAILED, ACCESS_DENIED, NOT_FOUND; the signal's reason
 */
export function askHub(
  connection: Connection,
  remote: Remote,
  address: URL,
  signal: AbortSignal | undefined,
): Promise<unknown> {
  const { id } = remote;
  const { wait, timeoutMs } = connection;
  return persist(id, { wait, signal }, async () => {
    const response = await checkAnswer(await send(connection, remote, address, { what: id, signal }), remote, id);
    if (!response) return undefined;
    const bytes = await wholeBody(
      response.body,
      mostSmallBytes,
      { timeoutMs, signal },
      () =>
        new PptError(
          "DOWNLOAD_FAILED",
          `${id}: ${address.host} answers with more than ${mostSmallBytes} bytes of JSON`,
        ),
    );
    try {
      return JSON.parse(new TextDecoder().decode(bytes));
    } catch (cause) {
      throw new PassingFailure(`the answer of ${address.host} is no JSON (${reasonOf(cause)})`, { cause });
    }
  });
}

export const listingAddress = ({ endpoint, id }: Remote, revision: string): URL =>
  new URL(`${endpoint}/api/models/${id}/revision/${encodeURIComponent(revision)}?blobs=true`);

/**
 * `{ sha, siblings: [{ rfilename, size, blobId, lfs: { sha256, size } }], cardData: { base_model } }`
 * @throws PptError DOWNLOAD_FAILED if it names no commit, or no file with its hash
 */
export function parseListing(json: unknown, remote: Remote): Listing {
  const { sha, siblings, cardData } = (json ?? {}) as { sha?: unknown; siblings?: unknown; cardData?: unknown };
  const commit = requireCommit(typeof sha === "string" ? sha : undefined, remote, remote.id);
  const files = new Map<string, ListedFile>();
  for (const sibling of Array.isArray(siblings) ? siblings : []) {
    const { rfilename, size, blobId, lfs } = (sibling ?? {}) as Record<string, unknown>;
    const stored = lfs as { sha256?: unknown; size?: unknown } | undefined;
    const hash = contentHash(String(stored?.sha256 ?? blobId));
    const bytes = stored?.size ?? size;
    if (typeof rfilename === "string" && hash && typeof bytes === "number" && Number.isSafeInteger(bytes) && bytes >= 0)
      files.set(rfilename, { hash, bytes });
  }
  const { base_model } = (cardData ?? {}) as { base_model?: unknown };
  // An empty repository is a valid answer.
  if (files.size > 0 || (Array.isArray(siblings) && siblings.length === 0))
    return { commit, files, baseModels: [base_model].flat() };
  throw new PptError(
    "DOWNLOAD_FAILED",
    `${remote.id}: ${remote.endpoint} lists no files with their hashes: use a Hugging Face hub or a mirror of one`,
  );
}
