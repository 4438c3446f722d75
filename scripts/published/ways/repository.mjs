/**
 * Commands for a clone of this repository. Most of them run the checks themselves, or take long, so this looks whether what they
 * name exists: the script of package.json, the tool, the file.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { workspacePackages } from "../../packages.mjs";
import { readJson, root } from "../../workspace.mjs";

const { scripts, devDependencies } = readJson(join(root, "package.json"));
const tools = { vitest: "vitest", biome: "@biomejs/biome", changeset: "@changesets/cli", turbo: "turbo" };
/** Commands of npm and pnpm that are no scripts. */
const builtIn = ["install", "ci", "pack", "login", "publish", "version"];

export async function repository({ text }) {
  const lines = text
    .split("\n")
    .map((line) => line.replace(/(^|\s)#.*$/, "").trim())
    .filter(Boolean);
  for (const line of lines) {
    const problem = problemOf(line.replace(/^([A-Z_]+=\S* +)+/, "").split(/\s+/));
    if (problem) throw new Error(`'${line}': ${problem}`);
  }
}

/** What is wrong with a command. */
function problemOf([command, ...args]) {
  if (command === "git" || command === "cd") return undefined;
  if (command === "npm" || command === "pnpm" || (command === "npx" && args[0]?.startsWith("pnpm@"))) {
    const words = command === "npx" ? args.slice(1) : args;
    if (words[0] === "--filter") return filtered(words);
    const name = words[0] === "run" ? words[1] : words[0];
    const isKnown = scripts[name] || (words[0] !== "run" && (builtIn.includes(name) || devDependencies[tools[name]]));
    return isKnown ? undefined : `package.json has no script '${name}'`;
  }
  if (command === "npx") {
    const missing = args.slice(args[1] === "run" ? 2 : 1).find((path) => /^[a-z]+\//.test(path) && !exists(path));
    return devDependencies[tools[args[0]]] ? missing && `there is no ${missing}` : `'${args[0]}' is not installed here`;
  }
  if (command === "node") return exists(args[0]) ? undefined : `there is no ${args[0]}`;
  if (command.includes("/")) return exists(command) ? undefined : `there is no ${command}`;
  return `'${command}' is no command for a clone`;
}

function filtered([, name, script]) {
  const found = workspacePackages().find(({ manifest }) => manifest.name === name.replace(/\.\.\.$/, ""));
  if (!found) return `there is no package ${name}`;
  return found.manifest.scripts?.[script] ? undefined : `${name} has no script '${script}'`;
}

const exists = (path) => existsSync(join(root, path));
