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
}

export const publicEndpoint = "https://huggingface.co";
export const defaultRevision = "main";
