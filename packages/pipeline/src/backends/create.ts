/** `createBackend`: a backend by its name, or the best one. */
import type { Backend } from "@ppt-vit/core";
import { type Checks, callback, checkOptions } from "@ppt-vit/core/options";
import { announceChoice, type BackendNotice } from "./notice.js";
import { automatic, openNamed } from "./registry.js";
import { openBest, type SelectionHost } from "./select.js";

export interface CreateBackendOptions {
  /** Told which backend `auto` took, and what would be faster. Without it, the console is told once if something would be. */
  readonly progress_callback?: ((notice: BackendNotice) => void) | undefined;
}

const optionChecks: Checks<CreateBackendOptions> = { progress_callback: callback };

/**
 * Opens the backend `name`, one of `backendNames`. `auto`, the default, is the backend that `selectBackend` would choose, opened
 * once.
 * @throws PptError UNKNOWN_BACKEND, or BACKEND_UNAVAILABLE where its package is not installed; INVALID_OPTION
 */
export async function createBackend(name: string = automatic, options: CreateBackendOptions = {}): Promise<Backend> {
  const { progress_callback: report } = checkOptions("createBackend", options, optionChecks);
  return openBackend(name, report);
}

/** `createBackend` with checked options. `create` opens a backend by its name. */
export async function openBackend(
  name: string,
  report: CreateBackendOptions["progress_callback"],
  create: SelectionHost["create"] = openNamed,
): Promise<Backend> {
  if (name !== automatic) return create(name);
  const { choice, backend } = await openBest(create);
  announceChoice(choice, report);
  return backend;
}
