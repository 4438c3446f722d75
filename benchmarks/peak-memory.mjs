import { existsSync, readFileSync } from "node:fs";

/** Most memory in bytes that this process has had resident, as packages/cli/src/commands/bench/peak-memory.ts tells it. */
export function peakMemoryBytes() {
  const status = existsSync("/proc/self/status") ? readFileSync("/proc/self/status", "utf8") : "";
  const [, kibibytes = process.resourceUsage().maxRSS] = /^VmHWM:\s+(\d+) kB$/m.exec(status) ?? [];
  return Number(kibibytes) * 1024;
}
