import { readFileSync } from "node:fs";

/**
 * Most memory in bytes that this process has had resident. On Linux from /proc: what `resourceUsage` says there begins with
 * the peak of the process that started this one.
 */
export function peakMemoryBytes(): number {
  if (process.platform !== "linux") return process.resourceUsage().maxRSS * 1024;
  const [, kibibytes] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync("/proc/self/status", "utf8")) ?? [];
  return Number(kibibytes) * 1024;
}
