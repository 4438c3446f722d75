/** `createBackend`: a backend by its name, or the best one. `selectBackend` chooses one by name. */
import { type Backend, type WeightDtypeName, weightDtypeNames } from "@ppt-vit/core";
import { loadedCode } from "@ppt-vit/core/backend";
import { type Checks, callback, checkOptions, oneOf } from "@ppt-vit/core/options";
import { announceChoice, type BackendNotice } from "./notice.js";
import { automatic, openNamed } from "./registry.js";
import type { BackendChoice, SelectionHost, SelectOptions } from "./select.js";

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
  const { openBest } = await selection();
  const { choice, backend } = await openBest(dtype, create);
  announceChoice(choice, report);
  return backend;
}

/** Whoever names a backend needs no code that chooses one. */
const selection = () => loadedCode(import(/* lazy */ "./select.js"));

/**
 * Tries the candidates in their order. A candidate works if it loads and computes a small known model correctly. Without
 * `measure` the first one that works is chosen. An emulated GPU is passed over, because the CPU itself is faster.
 * The plain CPU backend is the last candidate and needs nothing, so there is a choice wherever it is installed.
 * @throws PptError INVALID_OPTION; BACKEND_UNAVAILABLE if no candidate works, with the reason for each
 */
export async function selectBackend(options: SelectOptions = {}): Promise<BackendChoice> {
  return (await selection()).selectBackend(options);
}
