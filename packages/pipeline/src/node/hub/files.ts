/** Models of the Hugging Face Hub as files, downloaded into the cache when they are first read. Node only. */
import { PptError } from "@ppt-vit/core";
import type { CheckpointFiles, ReadFileOptions } from "../../checkpoint/files.js";
import type { LoadOptions } from "../../checkpoint/options.js";
import { indexFile, singleFile } from "../../checkpoint/weight-files.js";
import { waitForTimer } from "../../hub/attempts.js";
import { announce, type Conversion, findConversion, isModelWeights, mayBeElsewhere } from "../../hub/conversion.js";
import { downloadLimits } from "../../hub/limits.js";
import { askHub, type Listing, listingAddress, parseListing } from "../../hub/listing.js";
import { defaultRevision, type HubOptions, publicEndpoint } from "../../hub/options.js";
import { isCommit, requireFileName } from "../../hub/reference.js";
import { checkedRemote, type Transport } from "../../hub/request.js";
import { lookInFolder } from "../look-in-folder.js";
import { openInParts, readWhole } from "../read-file.js";
import {
  cachedCommit,
  cachedConversion,
  cachedFile,
  cacheRoot,
  isKnownMissing,
  modelCache,
  noteCommit,
  noteConversion,
  noteMissing,
  snapshotFolder,
} from "./cache.js";
import { downloadFile } from "./download.js";

/** The network and the environment variables. Tests replace both. */
export interface Surroundings extends Transport {
  readonly env: Readonly<Record<string, string | undefined>>;
}

const surroundings = (): Surroundings => ({ fetch: globalThis.fetch, wait: waitForTimer, env: process.env });

const isSet = (value: string | undefined) => /^(1|on|yes|true)$/i.test(value ?? "");

export interface HubFiles extends CheckpointFiles {
  /**
   * Downloads a file into the cache; undefined if it is optional and missing.
   * @throws PptError as `read`
   */
  fetchFile(file: string, options: ReadFileOptions): Promise<CachedFile | undefined>;
}

export interface CachedFile {
  /** Path of the file, links resolved. */
  readonly path: string;
  /** Folder of the commit, in which the file has its own name. */
  readonly snapshot: string;
}

/**
 * The files of one commit: a branch is looked up once, when the first file is read. If the default branch has no
 * safetensors, the weights come from the pull request of the Hub's converter.
 * @throws PptError INVALID_OPTION if the id, the revision, the endpoint, the token or a limit is malformed
 */
export function hubFiles(
  id: string,
  options: HubOptions & Pick<LoadOptions, "progress_callback"> = {},
  { fetch, wait, env } = surroundings(),
): HubFiles {
  const remote = checkedRemote({
    id,
    revision: options.revision ?? defaultRevision,
    endpoint: options.endpoint ?? (env.HF_ENDPOINT || publicEndpoint),
    token: options.token ?? (env.HF_TOKEN?.trim() || undefined),
  });
  const { revision } = remote;
  const cache = modelCache(options.cacheDir ?? cacheRoot(env), id);
  const offline = options.localFilesOnly ?? isSet(env.HF_HUB_OFFLINE);
  const connection = { fetch, wait, ...downloadLimits(options, env) };

  let pinned: Promise<string> | undefined;
  let weights: Promise<string> | undefined;

  /** The commit that all files come from. Every model has a config.json, so a branch is looked up by requesting it. */
  async function pin(options: ReadFileOptions): Promise<string> {
    if (offline) {
      const commit = await cachedCommit(cache, revision);
      if (commit !== undefined) return commit;
      throw new PptError("NOT_FOUND", `${id}: ${notCached("the model")}`);
    }
    if (isCommit(revision)) return revision;
    const { commit, hash } = await downloadFile(connection, remote, cache, { file: "config.json", revision }, options);
    if (hash === undefined) await noteMissing(cache, commit, "config.json");
    await noteCommit(cache, revision, commit);
    return commit;
  }

  /** The commit that weights come from: `commit`, or the converter's if `commit` has no safetensors. */
  async function pinWeights(commit: string, readOptions: ReadFileOptions): Promise<string> {
    if (!mayBeElsewhere(remote)) return commit;
    const found = (await cachedConversion(cache, commit)) ?? (await lookElsewhere(commit, readOptions));
    if (!found) return commit;
    announce(id, found, options.progress_callback);
    return found.commit;
  }

  async function lookElsewhere(commit: string, readOptions: ReadFileOptions): Promise<Conversion | undefined> {
    const { signal } = readOptions;
    for (const file of [singleFile, indexFile])
      if (await fileAt(commit, file, { ...readOptions, optional: true })) return undefined;
    if (offline) return undefined;
    const main = await list(commit, signal);
    const found = main && (await findConversion(connection, remote, main, signal));
    if (!found) return undefined;
    await noteCommit(cache, found.revision, found.commit);
    await noteConversion(cache, commit, found);
    return found;
  }

  async function list(commit: string, signal: AbortSignal | undefined): Promise<Listing | undefined> {
    const asked = { ...remote, revision: commit };
    const json = await askHub(connection, asked, listingAddress(remote, commit), signal);
    return json === undefined ? undefined : parseListing(json, asked);
  }

  const notCached = (thing: string) =>
    `${thing} is not in the cache at revision ${revision} (${cache.root}), and localFilesOnly or HF_HUB_OFFLINE forbids the download: load the model once without`;

  async function fileAt(commit: string, file: string, options: ReadFileOptions): Promise<CachedFile | undefined> {
    const path = await cachedFile(cache, commit, file);
    if (path !== undefined) return { path, snapshot: snapshotFolder(cache, commit) };
    if (offline) {
      if (options.optional) return undefined;
      throw new PptError("NOT_FOUND", `${id}: ${notCached(file)}`);
    }
    if (!(await isKnownMissing(cache, commit, file))) {
      const { hash } = await downloadFile(connection, remote, cache, { file, revision: commit }, options);
      if (hash === undefined) await noteMissing(cache, commit, file);
    }
    const fresh = await cachedFile(cache, commit, file);
    if (fresh !== undefined) return { path: fresh, snapshot: snapshotFolder(cache, commit) };
    if (options.optional) return undefined;
    throw new PptError("NOT_FOUND", `${id}: has no ${file} at revision ${revision}: check the id and the revision`);
  }

  async function fetchFile(file: string, options: ReadFileOptions): Promise<CachedFile | undefined> {
    requireFileName(file);
    pinned ??= pin(options);
    const commit = await pinned;
    if (!isModelWeights(file)) return fileAt(commit, file, options);
    weights ??= pinWeights(commit, options);
    return fileAt(await weights, file, options);
  }

  return {
    name: id,
    fetchFile,
    async read(file, options) {
      const found = await fetchFile(file, options);
      // Progress counts the download; reading from the disk reports none.
      return found && readWhole(found.path, file, { optional: false, signal: options.signal });
    },
    async open(file, options) {
      const found = await fetchFile(file, options);
      return found && openInParts(found.path, { optional: false, signal: options.signal });
    },
    async look({ signal }) {
      pinned ??= pin({ optional: true, signal });
      const commit = await pinned;
      const useFolder = () => `download the repository (hf download ${id}) and pass that folder of it`;
      const listing = offline ? undefined : await list(commit, signal);
      if (listing) return { names: [...listing.files.keys()], baseModels: listing.baseModels, useFolder };
      return { ...(await lookInFolder(snapshotFolder(cache, commit))), useFolder };
    },
  };
}
