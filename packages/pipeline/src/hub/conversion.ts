/**
 * Where the Hub's converter leaves safetensors: many models of before 2023 have a `pytorch_model.bin` on `main`, and their
 * safetensors only in a pull request that nobody has merged. Its branch is `refs/pr/N`.
 */
import { isPptError, PptError } from "@ppt-vit/core";
import { askHub, type Listing, listingAddress, parseListing } from "./listing.js";
import { defaultRevision } from "./options.js";
import { isCommit } from "./reference.js";
import type { Connection, Remote } from "./request.js";

/** The account and the title by which transformers knows these pull requests, too: anybody may open others. */
const converter = "SFconvertbot";
const converterTitle = "Adding `safetensors` variant of this model";

export const singleFile = "model.safetensors";
export const indexFile = "model.safetensors.index.json";
/** All other files are taken from `main`. */
export const isModelWeights = (file: string): boolean => file === indexFile || /^model\b.*\.safetensors$/.test(file);
export const hasModelWeights = ({ files }: Pick<Listing, "files">): boolean =>
  files.has(singleFile) || files.has(indexFile);

/** Only who names no revision is looked for elsewhere. */
export const mayBeElsewhere = ({ revision }: Remote): boolean => revision === defaultRevision;

/** The branch that holds the safetensors, the commit that it stood for when it was found, and the file to begin with. */
export interface Conversion {
  readonly revision: string;
  readonly commit: string;
  readonly file: typeof singleFile | typeof indexFile;
}

/** What the hub says of a conversion, also in its own words. */
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
 * The converter's pull request, with what it holds; undefined where there is none.
 * `main` is what the default branch holds: what was converted must be its weights.
 * @throws PptError NOT_FOUND where other weights were converted; as `askHub`
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
      // A model may have its discussions switched off.
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

/** The number of the newest that is the converter's own and open. */
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

/** Something that the caller should know and that is no error. */
export interface ConversionNotice {
  readonly status: "notice";
  readonly name: string;
  readonly file: string;
  readonly message: string;
}

/** Tells that weights come from elsewhere: to `report`, or to the console where there is none. */
export function announce(
  id: string,
  { revision, commit, file }: Conversion,
  report: ((notice: ConversionNotice) => void) | undefined,
): void {
  const message = `${id}: ${defaultRevision} has no safetensors; taking ${file} of ${revision} at commit ${commit}`;
  if (report) report({ status: "notice", name: id, file, message });
  else console.warn(`ppt-vit: ${message}`);
}
