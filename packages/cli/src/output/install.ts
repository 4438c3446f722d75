/** Says how to install what this copy of the command line lacks. */
import { relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import type { BackendNotice } from "@ppt-vit/pipeline";

const here = fileURLToPath(import.meta.url);

/**
 * `npm install X` as this copy of ppt-vit, whose files are at `place`, needs it. Runtimes are looked for beside these files: in a
 * project, among the global packages, or in the folder that `npx` has made.
 */
export function installCommand(install: string, place = here, folder = process.cwd()): string {
  const packages = install.replace(/^npm install /, "").split(" ");
  const [holder, ...below] = place.split(`${sep}node_modules${sep}`);
  // A checkout of the repository.
  if (below.length === 0) return install;
  if (place.split(sep).includes("_npx"))
    return `npx -p @ppt-vit/cli ${packages.map((name) => `-p ${name} `).join("")}ppt-vit`;
  const isProject = relative(holder!, folder).split(sep)[0] !== "..";
  return isProject ? install : `npm install --global ${packages.join(" ")}`;
}

/** The line about the backend that was chosen automatically. */
export const backendLine = ({ message, faster }: BackendNotice): string =>
  faster ? message.replace(faster.install, () => installCommand(faster.install)) : message;
