/** How a backend package describes its backends, so that users can ask for them by name. */
import type { Backend } from "./seam.js";

/** Where JavaScript runs. A worker counts as a browser. */
export type BackendPlatform = "node" | "browser";

/** What is known about a backend before its code is loaded. Plain data. */
export interface BackendDescription {
  /** The lower-case name that users pass to `createBackend` and `--backend`, such as `onnx-webgpu`. */
  readonly name: string;
  /** What people read in a list of backends, such as `ONNX Runtime · WebGPU`. Default: the name. */
  readonly title?: string;
  /** Platforms that the backend runs on. Default: both. */
  readonly runsIn?: readonly BackendPlatform[];
  /**
   * npm packages that users must install beside the backend's own package, on every platform or on each. Default: none.
   */
  readonly packages?: readonly string[] | Readonly<Partial<Record<BackendPlatform, readonly string[]>>>;
  /**
   * What the browser must offer. The automatic choice skips a `webgpu` or `webgl` backend if the browser has no such GPU. In
   * Node this field is ignored, and the self-check decides.
   */
  readonly needs?: "webassembly" | "webgpu" | "webgl";
  /**
   * Position in the automatic choice on each platform: lower numbers are tried first. On a platform without a number, the
   * backend is used only when it is named.
   */
  readonly rank?: Readonly<Partial<Record<BackendPlatform, number>>>;
  /**
   * Images per second of one model on one machine, as `benchmarks/results` records them. The automatic choice recommends to
   * install a backend only if this number says that it is faster. Default: not measured, and never recommended.
   */
  readonly imagesPerSecond?: Readonly<Partial<Record<BackendPlatform, number>>>;
  /**
   * The systems for which the packages hold compiled code, as `process.platform` and `process.arch`: `linux-x64`. On others
   * the backend is not recommended. Default: all.
   */
  readonly binaries?: readonly string[];
}

/** What must be installed beside the backend's own package. */
export function packagesOn(platform: BackendPlatform, { packages = [] }: BackendDescription): readonly string[] {
  return "length" in packages ? packages : (packages[platform] ?? []);
}

/**
 * A backend that users can ask for by name. A backend package exports a list of them, one for each device, as `backends`.
 * `registerBackend` of `@ppt-vit/pipeline` accepts one from anywhere. The automatic choice opens it, runs a small known model
 * on it, and compares the logits with recorded ones.
 */
export interface BackendDescriptor extends BackendDescription {
  /**
   * Opens the device. Each call makes a new backend, which the caller must dispose.
   * @throws PptError BACKEND_UNAVAILABLE if something is missing; the message says what to do
   */
  open(): Promise<Backend>;
}
