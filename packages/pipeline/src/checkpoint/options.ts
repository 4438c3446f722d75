/** The options of reading a checkpoint, and what reading reports. */
import {
  type Check,
  type Checks,
  callback,
  check,
  checkOptions,
  flag,
  shaped,
  signalCheck,
  text,
} from "@ppt-vit/core/options";
import type { BackendNotice } from "../backends/notice.js";
import { limit } from "../checks.js";
import type { ConversionNotice } from "../hub/conversion.js";
import type { HubOptions } from "../hub/options.js";

/** What loading reports, in the shape that transformers.js gives. `name` is the checkpoint's. */
export type ProgressInfo =
  | { readonly status: "initiate" | "download" | "done"; readonly name: string; readonly file: string }
  | {
      readonly status: "progress";
      readonly name: string;
      readonly file: string;
      /** Percent, 0 while the total is not known. */
      readonly progress: number;
      /** Bytes. */
      readonly loaded: number;
      /** Bytes, 0 while it is not known. */
      readonly total: number;
    }
  | ConversionNotice
  | BackendNotice
  | {
      readonly status: "ready";
      /** The task's name, as `fromPretrained` takes it. */
      readonly task: string;
      readonly model: string;
    };

export interface LoadOptions extends HubOptions {
  readonly signal?: AbortSignal | undefined;
  /** Called for each file as it is read. Without it, notices go to the console. */
  readonly progress_callback?: ((info: ProgressInfo) => void) | undefined;
}

export const loadChecks: Checks<LoadOptions> = {
  revision: text,
  cacheDir: text,
  token: check(
    "a token of the Hub, printable and without spaces",
    (value) => typeof value === "string" && /^[\x21-\x7e]*$/.test(value),
  ),
  endpoint: check("the address of a Hub, https://...", (value) => typeof value === "string" && isAddress(value)),
  localFilesOnly: flag,
  timeoutMs: limit,
  maxFileBytes: limit,
  signal: signalCheck,
  progress_callback: callback,
};

function isAddress(address: string): boolean {
  return URL.canParse(address) && /^https?:$/.test(new URL(address).protocol);
}

/** The options that `readCheckpoint` reads; those of `fromPretrained` hold them too. @throws PptError INVALID_OPTION */
export const loadOptions = (where: string, options: LoadOptions | undefined): LoadOptions =>
  checkOptions(where, options, loadChecks);

/** A check for a store of the caller's own. */
export const storeCheck: Check = shaped("a store { name, read }", { name: text.holds, read: callback.holds });
