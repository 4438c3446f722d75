import { readFileSync } from "node:fs";

/** Most memory in bytes that this process has had resident, as packages/cli/src/bench/peak-memory.ts tells it. */
export function peakMemoryBytes() {
  if (process.platform !== "linux") return process.resourceUsage().maxRSS * 1024;
  const [, kibibytes] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync("/proc/self/status", "utf8"));
  return Number(kibibytes) * 1024;
}
