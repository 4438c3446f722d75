/** Options of downloading a model by its id. */

export interface HubOptions {
  /** A branch, a tag or a commit of a model on the Hub. Default `main`. A commit that is cached needs no network. */
  readonly revision?: string | undefined;
  /** Node: the folder of the cache. Default: that of Hugging Face's own tools (`HF_HUB_CACHE`, `HF_HOME`). */
  readonly cacheDir?: string | undefined;
  /** Token for private and gated models. Default in Node: `HF_TOKEN`. Sent to the endpoint's own host only. */
  readonly token?: string | undefined;
  /** Address of the hub. Default: `HF_ENDPOINT` in Node, else `https://huggingface.co`. */
  readonly endpoint?: string | undefined;
  /** Read the model from the cache, without any request. Default in Node: `HF_HUB_OFFLINE`. */
  readonly localFilesOnly?: boolean | undefined;
  /**
   * Longest silence of a server, in milliseconds: before it answers, and between two pieces of a file. A slow download
   * that keeps arriving is not cut. Default: `HF_HUB_DOWNLOAD_TIMEOUT` in Node, which is in seconds, else 10,000.
   */
  readonly timeoutMs?: number | undefined;
  /**
   * Largest file that is downloaded, in bytes. Default: 16 GiB for weights whose size the server tells, else 64 MiB. Files
   * other than weights are limited to 64 MiB in any case.
   */
  readonly maxFileBytes?: number | undefined;
}

export const publicEndpoint = "https://huggingface.co";
export const defaultRevision = "main";
