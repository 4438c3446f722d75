/** Where a recorded result comes from: commit, versions and machine. */
import { execFileSync } from "node:child_process";
import { createRequire } from "node:module";
import { arch, availableParallelism, cpus, loadavg, platform, totalmem } from "node:os";
import { fileURLToPath } from "node:url";
import { packageVersions, versionOf } from "../../versions.js";
import type { BenchDocument } from "./schema.js";

/** Versions of this project, the runtimes and the contenders from outside. Packages that are not installed are left out. */
export function installedVersions(): Record<string, string> {
  const here = createRequire(import.meta.url);
  // TensorFlow.js is resolved from the backend, which will load the same one.
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

/** `require` from inside the installed package `name`; undefined where it is not installed. */
function requireOf(name: string, from: NodeJS.Require | undefined): NodeJS.Require | undefined {
  try {
    return from && createRequire(from.resolve(`${name}/package.json`));
  } catch {
    return undefined;
  }
}

/** Call it before anything is measured, because `loadBefore` is the load of the minute before. */
export const describeHardware = (): BenchDocument["hardware"] => ({
  // Some systems list no processor.
  cpu: cpus()[0]?.model.trim() ?? "unknown",
  cores: availableParallelism(),
  memoryGiB: Math.round(totalmem() / 2 ** 30),
  platform: platform(),
  arch: arch(),
  loadBefore: Number(loadavg()[0]!.toFixed(2)),
});

/** The commit of this repository, if the command runs from a checkout of it; an installed package has none. */
export function currentCommit(): { readonly commit?: string } {
  const cwd = fileURLToPath(new URL("..", import.meta.url));
  const git = (...args: string[]) =>
    execFileSync("git", args, { cwd, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
  try {
    // Inside node_modules the package is not tracked, and the commit of the repository around it says nothing.
    git("ls-files", "--error-unmatch", "package.json");
    return { commit: git("rev-parse", "HEAD") + (git("status", "--porcelain", "-uno") ? " with local changes" : "") };
  } catch {
    return {};
  }
}
