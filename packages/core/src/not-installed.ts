/** Optional peers that are not installed. */

/** The error for a package that is not there. Any other error of an import comes from the package itself. */
export class NotInstalled extends Error {
  override readonly name = "NotInstalled";
}

/** By its name: two copies of this package have two classes. */
export const isNotInstalled = (error: unknown): boolean => error instanceof Error && error.name === "NotInstalled";

/**
 * NotInstalled if `error` says that one of the packages is not there, else `error` itself. Node, bundlers and browsers share no
 * error code for this, but all of them quote the requested name first, with its subpath if there is one. An error of an
 * installed package quotes a path or another name first.
 */
export function notInstalledOr(error: unknown, ...packages: readonly string[]): unknown {
  const quoted =
    error instanceof Error
      ? /["'`\u2018\u201c]([^"'`\u2019\u201d]+)["'`\u2019\u201d]/.exec(error.message)?.[1]
      : undefined;
  const missing = packages.find((name) => quoted === name || quoted?.startsWith(`${name}/`));
  return missing === undefined ? error : new NotInstalled(`${missing} is not installed`, { cause: error });
}
