/** Tells a backend that is not installed from one that is installed and does not work. */
import { isPptError } from "@ppt-vit/core";
import { isNotInstalled } from "@ppt-vit/core/backend";

/**
 * The command that installs what is missing, as the error of opening a backend says it. Undefined if something else is wrong with
 * the backend.
 */
export function installOf(error: unknown): string | undefined {
  if (!isPptError(error) || error.code !== "BACKEND_UNAVAILABLE") return undefined;
  const { cause, message } = error;
  return isNotInstalled(cause) ? /: (npm install [^()]+)/.exec(message)?.[1]?.trim() : undefined;
}
