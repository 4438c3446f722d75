/** `createBackend`: a backend by its name, or the best one. */
import { type Backend, type WeightDtypeName, weightDtypeNames } from "@ppt-vit/core";
import { type Checks, callback, checkOptions, oneOf } from "@ppt-vit/core/options";
import { announceChoice, type BackendNotice } from "./notice.js";
import { automatic, openNamed } from "./registry.js";
import { openBest, type SelectionHost } from "./select.js";

export interface CreateBackendOptions {
  /** For `auto`: the precision of the weights that the backend is for. How it computes with them is checked. Default `fp32`. */
  readonly dtype?: WeightDtypeName | undefined;
  /** Told which backend `auto` took, and what would be faster. Without it, the console is told once if something would be. */
  readonly progress_callback?: ((notice: BackendNotice) => void) | undefined;
}

const optionChecks: Checks<CreateBackendOptions> = { dtype: oneOf(weightDtypeNames), progress_callback: callback };

/**
 * Opens the backend `name`, one of `backendNames`. `auto`, the default, is the backend that `selectBackend` would choose, opened
 * once.
 * @throws PptError UNKNOWN_BACKEND, or BACKEND_UNAVAILABLE where its package is not installed; INVALID_OPTION
 */
export async function createBackend(name: string = automatic, options: CreateBackendOptions = {}): Promise<Backend> {
  return openBackend(name, checkOptions("createBackend", options, optionChecks));
}

/** `createBackend` with checked options. `create` opens a backend by its name. */
export async function openBackend(
  name: string,
  { dtype, progress_callback: report }: CreateBackendOptions,
  create: SelectionHost["create"] = openNamed,
): Promise<Backend> {
  if (name !== automatic) return create(name);
  const { choice, backend } = await openBest(dtype, create);
  announceChoice(choice, report);
  return backend;
}
