/** The packages of the workspace, and packing them. */
import { join, relative, sep } from "node:path";
import { getPackagesSync } from "@manypkg/get-packages";
import { root, run } from "./workspace.mjs";

/**
 * Every package of pnpm-workspace.yaml, sorted by folder: `{ dir, folder, manifest }`, where `dir` is the absolute path and
 * `folder` the path below the repository, with `/`.
 */
export function workspacePackages() {
  return getPackagesSync(root)
    .packages.map(({ dir, packageJson }) => ({
      dir,
      folder: relative(root, dir).replaceAll(sep, "/"),
      manifest: packageJson,
    }))
    .sort((a, b) => (a.folder < b.folder ? -1 : 1));
}

/** The packages that users install. */
export function publishedPackages() {
  return workspacePackages().filter(({ manifest }) => !manifest.private);
}

/**
 * Packs every published package into `destination`, as `pnpm publish` would.
 * @returns {Promise<{ name: string, version: string, dir: string, folder: string, tarball: string }[]>}
 * @throws Error with pnpm's output if a package cannot be packed
 */
export async function packAll(destination) {
  const packed = [];
  for (const { dir, folder, manifest } of publishedPackages()) {
    const { code, output } = await run("pnpm", ["pack", "--pack-destination", destination], { cwd: dir });
    if (code !== 0) throw new Error(`pnpm pack of ${manifest.name} ended with code ${code}:\n${output}`);
    const file = `${manifest.name.replace("@", "").replace("/", "-")}-${manifest.version}.tgz`;
    packed.push({ name: manifest.name, version: manifest.version, dir, folder, tarball: join(destination, file) });
  }
  return packed;
}
