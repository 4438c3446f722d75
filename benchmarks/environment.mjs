/** What every recorded result says about where it comes from. */
import { execFileSync } from "node:child_process";
import { arch, availableParallelism, cpus, platform, totalmem } from "node:os";

const git = (...args) => execFileSync("git", args, { encoding: "utf8" }).trim();

export function environment() {
  return {
    date: new Date().toISOString(),
    commit: git("rev-parse", "HEAD") + (git("status", "--porcelain", "-uno") ? " with local changes" : ""),
    runtime: { node: process.version, v8: process.versions.v8 },
    hardware: {
      cpu: cpus()[0].model,
      cores: availableParallelism(),
      memoryGiB: Math.round(totalmem() / 2 ** 30),
      platform: platform(),
      arch: arch(),
    },
  };
}

/** The value that a share `q` of `values` lies below. */
export const quantile = (values, q) =>
  values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(q * values.length))];

export const median = (values) => quantile(values, 0.5);
