/**
 * What the pipeline knows of a backend package, which is an optional peer.
 *
 * Each package has a file beside this one, because bundlers look for literal text. Its `import()` stands directly behind `await`
 * in a `try` block: that tells them that the package may be missing. The branch for builds by Vite stands before the block,
 * because Rollup leaves `try` blocks whole. `part` has the parameters `SharedWorker` and `URL`, so that only Vite, which looks at the
 * text, follows the address. Our own build would rename a parameter whose name another file of the same chunk uses as a global, so the list of
 * these files is an entry of the build (docs/decisions/0014-bundlers.md).
 */
import {
  type BackendDescription,
  type BackendDescriptor,
  NotInstalled,
  notInstalledOr,
  runPart,
  type VitePart,
} from "@ppt-vit/core/backend";

/** What a backend package exports for the pipeline. */
export interface BackendModule {
  readonly backends: readonly BackendDescriptor[];
}

export interface BackendPackage {
  /** On npm. */
  readonly name: string;
  /** The build copies them into this package, so that they are known where the backend package is not installed. */
  readonly devices: readonly BackendDescription[];
  /** @throws NotInstalled where the package is not there */
  load(): Promise<BackendModule>;
}

/** Runs the script that Vite made of the package `name`. It fails as the package's own import would. */
export async function runPeer(name: string, part: VitePart): Promise<BackendModule> {
  const module = await runPart<Partial<BackendModule>>(name, part).catch((error: unknown) => {
    throw notInstalledOr(error, name);
  });
  return installed(module);
}

/** Some bundlers put an empty module in the place of one that is not there. @throws NotInstalled */
export function installed({ backends }: Partial<BackendModule>): BackendModule {
  if (!backends) throw new NotInstalled("its module is empty");
  return { backends };
}
