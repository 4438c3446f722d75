/** How a backend package describes its backends, so that they can be asked for by name. */
import type { Backend } from "./seam.js";

/** Where JavaScript runs. A worker counts as a browser. */
export type BackendPlatform = "node" | "browser";

/** What is known of a backend before its code is loaded. Plain data. */
export interface BackendDescription {
  /** Lower-case: what users pass to `createBackend` and `--backend`, as `onnx-webgpu`. */
  readonly name: string;
  /** Default: everywhere. */
  readonly runsIn?: readonly BackendPlatform[];
  /** npm packages that have to be installed beside the package of the backend. Default: none. */
  readonly packages?: readonly string[];
  /**
   * What the browser must offer. Automatic choice passes over a `webgpu` or `webgl` backend where the browser has no GPU for
   * it; in Node nothing is looked for, and the self-check decides.
   */
  readonly needs?: "webassembly" | "webgpu" | "webgl";
  /**
   * Position in the automatic choice on each platform: lower numbers are tried first. Without a number for a platform, the
   * backend is only used there when it is named.
   */
  readonly rank?: Readonly<Partial<Record<BackendPlatform, number>>>;
}

/**
 * A backend that can be asked for by name. A package exports one for each device as `backends`; `registerBackend` of
 * `@ppt-vit/pipeline` takes one from anywhere. Automatic choice opens it, runs a small known model on it, and compares the
 * logits with recorded ones.
 */
export interface BackendDescriptor extends BackendDescription {
  /**
   * Opens the device. Each call makes a backend of its own, which the caller disposes.
   * @throws PptError BACKEND_UNAVAILABLE where something is missing, saying what to do
   */
  open(): Promise<Backend>;
}
