/** Lists a folder on disk, for messages about missing files. */
import { opendir, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { FoundFiles } from "../checkpoint/files.js";

/** Most names that are listed. */
const mostNames = 2000;
/** How many levels below the folder are listed: enough for `NAME/onnx/model.onnx`. */
const deepest = 2;

/** @throws Error of the file system if the folder cannot be listed */
export async function lookInFolder(folder: string): Promise<FoundFiles> {
  const useFolder = (inner: string) => `pass ${join(folder, inner).replace(/^(?![./\\]|[a-z]:)/i, "./")}`;
  const found = await stat(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT" || error.code === "ENOTDIR") return undefined;
    throw error;
  });
  if (!found) return { names: [], useFolder, instead: notThere(folder) };
  if (!found.isDirectory()) return { names: [], useFolder, instead: noFolder(folder) };
  const names: string[] = [];
  await list(folder, "", names);
  return { names: names.sort(), useFolder };
}

async function list(folder: string, prefix: string, names: string[], depth = 0): Promise<void> {
  const inner: string[] = [];
  for await (const entry of await opendir(folder)) {
    if (names.length >= mostNames) break;
    if (!entry.isDirectory()) names.push(prefix + entry.name);
    else if (!entry.name.startsWith(".") && entry.name !== "node_modules") inner.push(entry.name);
  }
  if (depth < deepest)
    for (const name of inner.sort()) await list(join(folder, name), `${prefix}${name}/`, names, depth + 1);
}

const notThere = (folder: string) => {
  const id = /^\.\/([^/]+\/[^/]+)\/?$/.exec(folder)?.[1];
  return `There is no such folder${id === undefined ? "" : `; for the model of the Hub leave out the ./`}`;
};

function noFolder(path: string): string {
  if (path.endsWith(".onnx"))
    return "It is a file, an export to ONNX: give it to transformers.js or another ONNX engine, or look at its folder with ppt-vit info; to run it here, pass the folder of the checkpoint that it was made from";
  const weights = /\.(safetensors|json)$/.test(path) ? ` of ${basename(path)}, ${join(dirname(path), "/")}` : "";
  return `It is a file: pass the folder${weights} with config.json and model.safetensors`;
}
