/** `createBackend`: a backend by its name, or the best one. */
import type { Backend } from "@ppt-vit/core";
import { automatic, openNamed } from "./registry.js";
import { openBest } from "./select.js";

/**
 * Opens the backend `name`, one of `backendNames`. `auto` is the backend that `selectBackend` would choose, opened once.
 * @throws PptError UNKNOWN_BACKEND, or BACKEND_UNAVAILABLE where its package is not installed
 */
export const createBackend = async (name: string): Promise<Backend> =>
  name === automatic ? (await openBest()).backend : openNamed(name);
