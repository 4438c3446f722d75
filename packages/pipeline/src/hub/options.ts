/** Where models come from when they are named by their id. */

export interface HubOptions {
  /** A branch, a tag or a commit of a model on the Hub. Default `main`. A commit that is cached needs no network. */
  readonly revision?: string | undefined;
  /** Node: the folder of the cache. Default: that of Hugging Face's own tools (`HF_HUB_CACHE`, `HF_HOME`). */
  readonly cacheDir?: string | undefined;
  /** For private and gated models. Default in Node: `HF_TOKEN`. Sent to the endpoint's own host only. */
  readonly token?: string | undefined;
  /** Default: `HF_ENDPOINT` in Node, else `https://huggingface.co`. */
  readonly endpoint?: string | undefined;
  /** Take a model out of the cache and ask nobody. Default in Node: `HF_HUB_OFFLINE`. */
  readonly localFilesOnly?: boolean | undefined;
  /**
   * Longest silence of a server, in milliseconds: before it answers, and between two pieces of a file. A download that
   * goes on, however slowly, is not cut. Default: `HF_HUB_DOWNLOAD_TIMEOUT` in Node, which is in seconds, else 10,000.
   */
  readonly timeoutMs?: number | undefined;
  /**
   * Largest file that is downloaded, in bytes. Default: 16 GiB for weights whose size the server tells, else 64 MiB. Files
   * other than weights may never have more than 64 MiB.
   */
  readonly maxFileBytes?: number | undefined;
}

export const publicEndpoint = "https://huggingface.co";
export const defaultRevision = "main";
