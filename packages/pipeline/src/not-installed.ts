/** Optional peers that are not installed. */

/** A package that is not there; another error of an import is the package's own. */
export class NotInstalled extends Error {}

/**
 * The error itself, or NotInstalled where it says that the package `name` is not there. Node and bundlers have no code for
 * that in common, browsers have none at all; but the first thing that each of them quotes is the name asked for. An error of
 * an installed package's own quotes a path or another name first.
 */
export function notInstalledOr(error: unknown, name: string): unknown {
  const quoted =
    error instanceof Error ? /["'`\u2018\u201c]([^"'`\u2019\u201d]+)["'`\u2019\u201d]/.exec(error.message) : null;
  return quoted?.[1] === name ? new NotInstalled(`${name} is not installed`, { cause: error }) : error;
}
