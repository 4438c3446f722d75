/** Models of the Hugging Face Hub as files, downloaded into the cache when they are first read. Node only. */
import { PptError } from "@ppt-vit/core";
import type { CheckpointFiles, ReadFileOptions } from "../checkpoint.js";
import { readWhole } from "../read-whole.js";
import { waitForTimer } from "./attempts.js";
import {
  cachedCommit,
  cachedFile,
  cacheRoot,
  isKnownMissing,
  modelCache,
  noteCommit,
  noteMissing,
  snapshotFolder,
} from "./node-cache.js";
import { downloadFile } from "./node-download.js";
import { defaultRevision, type HubOptions, publicEndpoint } from "./options.js";
import { isCommit, requireFileName } from "./reference.js";
import { checkedRemote, type Transport } from "./request.js";

/** What a hub's files are taken from: the network, and the environment's variables. */
export interface Surroundings extends Transport {
  readonly env: Readonly<Record<string, string | undefined>>;
}

const surroundings = (): Surroundings => ({ fetch: globalThis.fetch, wait: waitForTimer, env: process.env });

const isSet = (value: string | undefined) => /^(1|on|yes|true)$/i.test(value ?? "");

export interface HubFiles extends CheckpointFiles {
  /**
   * Brings a file into the cache; undefined where it is optional and missing.
   * @throws PptError as `read`
   */
  fetchFile(file: string, options: ReadFileOptions): Promise<CachedFile | undefined>;
}

export interface CachedFile {
  /** Links resolved. */
  readonly path: string;
  /** The commit's folder, where the file has its own name. */
  readonly snapshot: string;
}

/**
 * The files of one commit: a branch is looked up once, when the first file is read.
 * @throws PptError INVALID_OPTION where the id, the revision, the endpoint or the token has no such form
 */
export function hubFiles(id: string, options: HubOptions = {}, { fetch, wait, env } = surroundings()): HubFiles {
  const remote = checkedRemote({
    id,
    revision: options.revision ?? defaultRevision,
    endpoint: options.endpoint ?? (env.HF_ENDPOINT || publicEndpoint),
    token: options.token ?? (env.HF_TOKEN?.trim() || undefined),
  });
  const { revision } = remote;
  const cache = modelCache(options.cacheDir ?? cacheRoot(env), id);
  const offline = options.localFilesOnly ?? isSet(env.HF_HUB_OFFLINE);
  const transport = { fetch, wait };

  let pinned: Promise<string> | undefined;

  /** The commit that all files come from. Every model has a config.json, so a branch is looked up by asking for it. */
  async function pin(options: ReadFileOptions): Promise<string> {
    if (offline) {
      const commit = await cachedCommit(cache, revision);
      if (commit !== undefined) return commit;
      throw new PptError("NOT_FOUND", `${id}: ${notCached("the model")}`);
    }
    if (isCommit(revision)) return revision;
    const { commit, hash } = await downloadFile(transport, remote, cache, { file: "config.json", revision }, options);
    if (hash === undefined) throw noSuchFile("config.json");
    await noteCommit(cache, revision, commit);
    return commit;
  }

  const notCached = (thing: string) =>
    `${thing} is not in the cache at revision ${revision} (${cache.root}), and localFilesOnly or HF_HUB_OFFLINE keeps us from asking for it: load the model once without`;
  const noSuchFile = (file: string) =>
    new PptError("NOT_FOUND", `${id}: has no ${file} at revision ${revision}: check the id and the revision`);

  async function fetchFile(file: string, options: ReadFileOptions): Promise<CachedFile | undefined> {
    requireFileName(file);
    pinned ??= pin(options);
    const commit = await pinned;
    const path = await cachedFile(cache, commit, file);
    if (path !== undefined) return { path, snapshot: snapshotFolder(cache, commit) };
    if (offline) {
      if (options.optional) return undefined;
      throw new PptError("NOT_FOUND", `${id}: ${notCached(file)}`);
    }
    if (!(await isKnownMissing(cache, commit, file))) {
      const { hash } = await downloadFile(transport, remote, cache, { file, revision: commit }, options);
      if (hash === undefined) await noteMissing(cache, commit, file);
    }
    const fresh = await cachedFile(cache, commit, file);
    if (fresh !== undefined) return { path: fresh, snapshot: snapshotFolder(cache, commit) };
    if (options.optional) return undefined;
    throw noSuchFile(file);
  }

  return {
    name: id,
    fetchFile,
    async read(file, options) {
      const found = await fetchFile(file, options);
      // Progress is of the network: what is on the disk is there.
      return found && readWhole(found.path, file, { optional: false, signal: options.signal });
    },
  };
}
