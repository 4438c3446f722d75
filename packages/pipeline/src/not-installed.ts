/** Optional peers that are not installed. */

/** The error for a package that is not there. Any other error of an import comes from the package itself. */
export class NotInstalled extends Error {}

/**
 * NotInstalled if `error` says that the package `name` is not there, else `error` itself. Node, bundlers and browsers share no
 * error code for this, but all of them quote the requested name first. An error of an installed package quotes a path or
 * another name first.
 */
export function notInstalledOr(error: unknown, name: string): unknown {
  const quoted =
    error instanceof Error ? /["'`\u2018\u201c]([^"'`\u2019\u201d]+)["'`\u2019\u201d]/.exec(error.message) : null;
  return quoted?.[1] === name ? new NotInstalled(`${name} is not installed`, { cause: error }) : error;
}
