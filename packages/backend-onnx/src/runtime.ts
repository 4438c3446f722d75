/** How a runtime is loaded when it is first needed. */
import { isPptError, PptError } from "@ppt-vit/core";
import { isNotInstalled, namingViolations, notInstalledOr } from "@ppt-vit/core/backend";
import type { OnnxDevice } from "./devices.js";
import { shortReason } from "./reasons.js";
import type { OnnxRuntime } from "./runtime-types.js";

/** @throws PptError BACKEND_UNAVAILABLE if the package is not installed or the device does not exist here. */
export type LoadRuntime = (device: OnnxDevice) => Promise<OnnxRuntime>;

/** Written with `globalThis`, because some bundlers add a package to the page where they see `process` alone. */
export const isNode = (globalThis as { process?: NodeJS.Process }).process?.versions?.node !== undefined;

/** What `load` imports from the package `name`. @throws PptError BACKEND_UNAVAILABLE */
export async function loading(
  device: OnnxDevice,
  name: string,
  load: () => Promise<OnnxRuntime>,
): Promise<OnnxRuntime> {
  try {
    return await namingViolations(`device '${device}' needs ${name}`, load);
  } catch (cause) {
    throw isPptError(cause) ? cause : notLoaded(device, name, cause);
  }
}

/** The error for a package `name` that is not installed, or that failed while it was loaded. */
export function notLoaded(device: OnnxDevice, name: string, cause: unknown): PptError {
  const reason = notInstalledOr(cause, name);
  const what = isNotInstalled(reason) ? "" : `, which could not be loaded (${shortReason(cause)})`;
  return new PptError("BACKEND_UNAVAILABLE", `device '${device}' needs ${name}${what}: npm install ${name}`, {
    cause: reason,
  });
}
