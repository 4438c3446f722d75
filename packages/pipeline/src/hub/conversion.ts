/**
 * Weights that the Hub's converter made. Many models of before 2023 have a `pytorch_model.bin` on `main`; their safetensors
 * are only in a pull request that was never merged, on the branch `refs/pr/N`.
 */
import { isPptError, PptError } from "@ppt-vit/core";
import { indexFile, singleFile } from "../checkpoint/weight-files.js";
import { askHub, type Listing, listingAddress, parseListing } from "./listing.js";
import { defaultRevision } from "./options.js";
import { isCommit } from "./reference.js";
import type { Connection, Remote } from "./request.js";

/** These pull requests are known by their author and title, as transformers knows them: anybody may open others. */
const converter = "SFconvertbot";
const converterTitle = "Adding `safetensors` variant of this model";

/** Files that the converter's branch is used for. All others are taken from `main`. */
export const isModelWeights = (file: string): boolean => file === indexFile || /^model\b.*\.safetensors$/.test(file);
export const hasModelWeights = ({ files }: Pick<Listing, "files">): boolean =>
  files.has(singleFile) || files.has(indexFile);

/** The converter's branch is looked for only if the caller names no revision. */
export const mayBeElsewhere = ({ revision }: Remote): boolean => revision === defaultRevision;

/** The branch that holds the safetensors, its commit when it was found, and the file to read first. */
export interface Conversion {
  readonly revision: string;
  readonly commit: string;
  readonly file: typeof singleFile | typeof indexFile;
}

/** A conversion with the listing of its branch, parsed (`listing`) and as the hub sent it (`json`). */
export interface FoundConversion extends Conversion {
  readonly listing: Listing;
  readonly json: unknown;
}

export const conversionIn = (revision: string, listing: Listing): Conversion => ({
  revision,
  commit: listing.commit,
  file: listing.files.has(singleFile) ? singleFile : indexFile,
});

/**
 * Finds the converter's pull request; undefined if there is none. `main` lists the default branch, whose weights must be
 * the ones that were converted.
 * @throws PptError NOT_FOUND if other weights were converted; as `askHub`
 */
export async function findConversion(
  connection: Connection,
  remote: Remote,
  main: Listing,
  signal: AbortSignal | undefined,
): Promise<FoundConversion | undefined> {
  const { endpoint, id } = remote;
  const query = new URLSearchParams({ p: "0", type: "pull_request", status: "open", author: converter });
  const discussions = new URL(`${endpoint}/api/models/${id}/discussions?${query}`);
  const number = pullRequestOf(
    await askHub(connection, remote, discussions, signal).catch((error: unknown) => {
      // The owner of a model may switch its discussions off.
      if (isPptError(error) && error.code === "ACCESS_DENIED") return undefined;
      throw error;
    }),
  );
  if (number === undefined) return undefined;
  const revision = `refs/pr/${number}`;
  const side = { ...remote, revision };
  const json = await askHub(connection, side, listingAddress(remote, revision), signal);
  if (json === undefined) return undefined;
  const listing = parseListing(json, side);
  if (!hasModelWeights(listing)) return undefined;
  for (const [file, { hash }] of main.files) {
    const converted = listing.files.get(file);
    if (/^[^/]+\.(bin|pth)$/.test(file) && converted && converted.hash.hex !== hash.hex)
      throw new PptError(
        "NOT_FOUND",
        `${id}: ${defaultRevision} has no safetensors, and those of ${revision} were converted from another ${file} than it has now: pass ${revision} as the revision if you want them`,
      );
  }
  return { ...conversionIn(revision, listing), listing, json };
}

/** The number of the newest open pull request of the converter. */
function pullRequestOf(json: unknown): number | undefined {
  const { discussions } = (json ?? {}) as { discussions?: unknown };
  const numbers = (Array.isArray(discussions) ? discussions : []).flatMap((discussion) => {
    const { num, title, status, isPullRequest, author } = (discussion ?? {}) as Record<string, unknown>;
    const { name } = (author ?? {}) as { name?: unknown };
    const isConversion = name === converter && title === converterTitle && status === "open" && isPullRequest === true;
    return isConversion && Number.isSafeInteger(num) && Number(num) > 0 ? [Number(num)] : [];
  });
  return numbers.length > 0 ? Math.max(...numbers) : undefined;
}

export const isConversion = (value: { readonly [Key in keyof Conversion]: unknown }): value is Conversion =>
  typeof value.revision === "string" &&
  /^refs\/pr\/\d+$/.test(value.revision) &&
  typeof value.commit === "string" &&
  isCommit(value.commit) &&
  (value.file === singleFile || value.file === indexFile);

/** Tells the caller that weights come from another branch. */
export interface ConversionNotice {
  readonly status: "notice";
  readonly name: string;
  readonly file: string;
  readonly message: string;
  /** Both notices have the same status. These belong to the other one. */
  readonly backend?: undefined;
  readonly faster?: undefined;
}

/** Sends the notice to `report`, or to the console if there is none. */
export function announce(
  id: string,
  { revision, commit, file }: Conversion,
  report: ((notice: ConversionNotice) => void) | undefined,
): void {
  const message = `${id}: ${defaultRevision} has no safetensors; taking ${file} of ${revision} at commit ${commit}`;
  if (report) report({ status: "notice", name: id, file, message });
  else console.warn(`ppt-vit: ${message}`);
}
