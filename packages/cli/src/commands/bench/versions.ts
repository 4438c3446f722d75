/** What a recorded result says about where it comes from. */
import { execFileSync } from "node:child_process";
import { createRequire } from "node:module";
import { arch, availableParallelism, cpus, loadavg, platform, totalmem } from "node:os";
import { fileURLToPath } from "node:url";
import { packageVersions, versionOf } from "../../versions.js";
import type { BenchDocument } from "./schema.js";

/** Of this project, the runtimes, and the contenders from outside; what is not installed is left out. */
export function installedVersions(): Record<string, string> {
  const here = createRequire(import.meta.url);
  // TensorFlow.js is looked for where the backend will look for it.
  const tfjs = requireOf("@ppt-vit/backend-tfjs", requireOf("@ppt-vit/pipeline", here)) ?? here;
  const versions = {
    node: process.version,
    ...packageVersions(),
    "@ppt-vit/backend-tfjs": versionOf(requireOf("@ppt-vit/pipeline", here) ?? here, "@ppt-vit/backend-tfjs"),
    "@tensorflow/tfjs-core": versionOf(tfjs, "@tensorflow/tfjs-core"),
    "@huggingface/transformers": versionOf(here, "@huggingface/transformers"),
  };
  return Object.fromEntries(Object.entries(versions).filter((entry): entry is [string, string] => entry[1] !== null));
}

/** `require` as the installed package `name` has it. */
function requireOf(name: string, from: NodeJS.Require | undefined): NodeJS.Require | undefined {
  try {
    return from && createRequire(from.resolve(`${name}/package.json`));
  } catch {
    return undefined;
  }
}

/** To be asked before anything is measured: the load is that of the minute before. */
export const describeHardware = (): BenchDocument["hardware"] => ({
  // Some systems show none.
  cpu: cpus()[0]?.model.trim() ?? "unknown",
  cores: availableParallelism(),
  memoryGiB: Math.round(totalmem() / 2 ** 30),
  platform: platform(),
  arch: arch(),
  loadBefore: Number(loadavg()[0]!.toFixed(2)),
});

/** Of this repository, where the command runs from it; an installed package has none. */
export function currentCommit(): { readonly commit?: string } {
  const cwd = fileURLToPath(new URL("..", import.meta.url));
  const git = (...args: string[]) =>
    execFileSync("git", args, { cwd, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
  try {
    // In somebody's node_modules it is not tracked, and that repository's commit says nothing.
    git("ls-files", "--error-unmatch", "package.json");
    return { commit: git("rev-parse", "HEAD") + (git("status", "--porcelain", "-uno") ? " with local changes" : "") };
  } catch {
    return {};
  }
}
