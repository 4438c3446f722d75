/** How blocks are run or checked. Each way is a function in a file of its own; it throws an error if the block is wrong. */
import { bundle } from "./bundle.mjs";
import { file } from "./file.mjs";
import { node } from "./node.mjs";
import { page } from "./page.mjs";
import { http, json, parse, python, yaml } from "./parse.mjs";
import { repository } from "./repository.mjs";
import { shell } from "./shell.mjs";
import { vitest } from "./vitest.mjs";

/** @type {Record<string, (block: import("../blocks.mjs").Block, place: object) => Promise<void>>} */
export const ways = { bundle, file, http, json, node, page, parse, python, repository, shell, vitest, yaml };

/** The way of each language. A block in another language must say its way. */
const usual = {
  bash: "shell",
  html: "bundle",
  http: "http",
  javascript: "node",
  js: "node",
  json: "json",
  jsonc: "json",
  jsx: "bundle",
  mjs: "node",
  py: "python",
  python: "python",
  sh: "shell",
  shell: "shell",
  ts: "node",
  tsx: "bundle",
  typescript: "node",
  yaml: "yaml",
  yml: "yaml",
};

/** Ways that run nothing. */
const checksOnly = new Set(["bundle", "parse", "repository"]);

/** @returns {string} the name of the block's way. @throws Error if there is none, or if a reason is missing */
export function wayOf({ language, says, file }) {
  const name = says.way ?? (file ? "file" : usual[language]);
  if (!name) throw new Error(`nothing says how to run a block in '${language}': put <!-- block: way=... --> before it`);
  if (!Object.hasOwn(ways, name)) throw new Error(`way '${name}' is none of ${Object.keys(ways).join(", ")}`);
  if (checksOnly.has(name) && name !== usual[language] && !says.reason)
    throw new Error(`way '${name}' runs nothing, so the comment must give a reason="..."`);
  return name;
}
