/** Runs `ppt-vit` as a user whom permissions bind. Tests in containers run as root, who may do everything. */
import { spawnSync } from "node:child_process";
import { root } from "../scripts/workspace.mjs";
import { main } from "./built.js";

const nobody = process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : {};

/** `cwd` and its files must be readable by others, which a temporary folder is not by default. */
export function runUnprivileged(args: readonly string[], cwd: string) {
  const {
    status: code,
    stdout,
    stderr,
  } = spawnSync(process.execPath, [main, ...args], { cwd, encoding: "utf8", ...nobody });
  return { code, stdout, stderr };
}

/** Why permissions cannot be tested on this machine, or undefined if they can. */
export function whyNotUnprivileged(): string | undefined {
  if (process.platform === "win32") return "Windows has no such permissions";
  if (runUnprivileged(["--version"], root).code !== 0) return "the user 'nobody' cannot run what is built here";
  return undefined;
}
