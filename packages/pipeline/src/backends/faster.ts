/** Which backend would be faster than the chosen one, if it were installed. */
import type { BackendPlatform } from "@ppt-vit/core";
import { descriptionOf } from "./registry.js";

/** A backend that is not installed. */
export interface FasterBackend {
  readonly backend: string;
  /** The command that installs it. */
  readonly install: string;
}

/** How many times as fast a backend must have been measured to be worth an installation. */
const worthwhile = 1.5;

/**
 * The fastest of the backends that are not installed, by recorded measurements (`imagesPerSecond`). Undefined if none is known to
 * be faster than `chosen`, or if what is has no compiled code for this system.
 */
export function fasterThan(
  chosen: string,
  missing: readonly FasterBackend[],
  kind: BackendPlatform,
  system: () => string | undefined,
): FasterBackend | undefined {
  const speed = (name: string) => descriptionOf(name)?.imagesPerSecond?.[kind];
  const own = speed(chosen);
  if (own === undefined) return undefined;
  return missing
    .filter(({ backend }) => (speed(backend) ?? 0) >= worthwhile * own)
    .sort((a, b) => speed(b.backend)! - speed(a.backend)!)
    .find(({ backend }) => {
      const binaries = descriptionOf(backend)?.binaries;
      return binaries === undefined || binaries.includes(system() ?? "");
    });
}
