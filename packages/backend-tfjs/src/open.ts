/** An engine of TensorFlow.js for programs that the caller runs operation by operation, as training does. */
import { type Checks, checkOptions, text } from "@ppt-vit/core/options";
import type { TfjsDevice } from "./devices.js";
import { openEngine } from "./engine.js";
import type { Tfjs as Namespace } from "./public-types.js";
import { engineOf, loadTfjs } from "./runtime.js";
import { type Tfjs, tfjsCheck } from "./tfjs.js";

/** What `openTfjs` needs. */
export interface OpenTfjsOptions<T extends Namespace = Namespace> {
  /** The TensorFlow.js namespace that your application uses. Default: the packages of `device` are loaded. */
  readonly tf?: T | undefined;
  /** Default: the engine that is active in `tf`, or `wasm` without `tf`. */
  readonly device?: TfjsDevice | undefined;
}

/** TensorFlow.js with an engine that has started. */
export interface OpenedTfjs<T extends Namespace = Namespace> {
  readonly tf: T;
  /** The name under which TensorFlow.js registers the engine. */
  readonly engine: string;
  /** Runs `body`, which must be synchronous, with this engine active, then activates the previous engine again. */
  active<R>(body: () => R): R;
}

const optionChecks: Checks<OpenTfjsOptions> = { tf: tfjsCheck, device: text };

/**
 * Loads TensorFlow.js and starts an engine, as `createTfjsBackend` does.
 * @throws PptError BACKEND_UNAVAILABLE if a package is missing or the engine does not start; INVALID_OPTION
 */
export async function openTfjs<T extends Namespace = Namespace>(
  options: OpenTfjsOptions<T> = {},
): Promise<OpenedTfjs<T>> {
  const { tf: given, device } = checkOptions("openTfjs", options, optionChecks);
  const wanted = device ?? (given ? undefined : "wasm");
  const tf = (given as Tfjs | undefined) ?? (await loadTfjs(wanted!));
  const engine = await openEngine(tf, wanted && engineOf(wanted));
  return { tf: tf as unknown as T, engine: engine.name, active: (body) => engine.active(body) };
}
