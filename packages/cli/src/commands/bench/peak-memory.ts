import { existsSync, readFileSync } from "node:fs";

/**
 * The most memory in bytes that this process has had resident. On Linux it comes from /proc, because `resourceUsage` starts
 * there from the peak of the parent process.
 */
export function peakMemoryBytes(): number {
  const status = existsSync("/proc/self/status") ? readFileSync("/proc/self/status", "utf8") : "";
  const [, kibibytes = process.resourceUsage().maxRSS] = /^VmHWM:\s+(\d+) kB$/m.exec(status) ?? [];
  return Number(kibibytes) * 1024;
}
