import { existsSync, readFileSync } from "node:fs";

/**
 * Most memory in bytes that this process has had resident. On Linux from /proc where it says so: what `resourceUsage` says
 * there begins with the peak of the process that started this one.
 */
export function peakMemoryBytes(): number {
  const status = existsSync("/proc/self/status") ? readFileSync("/proc/self/status", "utf8") : "";
  const [, kibibytes = process.resourceUsage().maxRSS] = /^VmHWM:\s+(\d+) kB$/m.exec(status) ?? [];
  return Number(kibibytes) * 1024;
}
