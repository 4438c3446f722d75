/** The sizes of installs that tables of the documentation name, measured. */
import { readFileSync } from "node:fs";
import { lstat, mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { root, run } from "../workspace.mjs";

/** The part by which a size may differ from its table before the table must be corrected. */
const tolerance = 0.1;
/** The tables are for this platform. */
export const measured = "linux-x64";

/** The rows of a document's tables whose first cell is a command that installs and whose last one is a size. */
export function sizeRows(document) {
  const rows = readFileSync(join(root, document), "utf8").matchAll(
    /^\|[^\n]*`npm install ([^`\n]+)`[^\n]*\| *(\d+) MB *\|$/gm,
  );
  return [...rows].map(([, packages, megabytes]) => ({ document, packages, megabytes: Number(megabytes) }));
}

/**
 * Installs a row's packages into an empty folder.
 * @returns {Promise<number>} the megabytes of node_modules
 * @throws Error if npm fails or the table is wrong
 */
export async function checkSize({ packages, megabytes }, home, env) {
  const cwd = join(home, "sized");
  await rm(cwd, { recursive: true, force: true });
  await mkdir(cwd, { recursive: true });
  const { code, output } = await run("npm", ["install", "--prefix", cwd, ...packages.split(/\s+/)], { cwd, env });
  if (code !== 0) throw new Error(output);
  const found = (await bytesOf(join(cwd, "node_modules"))) / 1e6;
  await rm(cwd, { recursive: true, force: true });
  if (Math.abs(found - megabytes) > Math.max(2, megabytes * tolerance))
    throw new Error(`the table says ${megabytes} MB, npm installed ${found.toFixed(0)} MB: correct the table`);
  return found;
}

async function bytesOf(folder) {
  let bytes = 0;
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    bytes += entry.isDirectory() ? await bytesOf(path) : (await lstat(path)).size;
  }
  return bytes;
}
