/** How long a server may be silent, and how large a file may be. */
import { PptError } from "@ppt-vit/core";
import type { HubOptions } from "./options.js";

export interface DownloadLimits {
  /** Longest silence: before an answer, and between two pieces of a body. */
  readonly timeoutMs: number;
  /** Largest safetensors file; undefined where the caller has not set it. */
  readonly maxFileBytes: number | undefined;
}

/** As long as Hugging Face's own tools wait. */
const defaultTimeoutMs = 10_000;
/** The most that a timer can wait. */
const mostTimeoutMs = 2 ** 31 - 1;
const defaultFileBytes = 2 ** 34;
/** What is parsed as a whole, and what no server has told the size of, must not be endless. */
export const mostSmallBytes = 2 ** 26;

/** The environment variable of Hugging Face's own tools, in seconds. */
const timeoutVariable = "HF_HUB_DOWNLOAD_TIMEOUT";

/** @throws PptError INVALID_OPTION */
export function downloadLimits(
  { timeoutMs, maxFileBytes }: HubOptions,
  env: Readonly<Record<string, string | undefined>> = {},
): DownloadLimits {
  if (timeoutMs !== undefined && !(Number.isFinite(timeoutMs) && timeoutMs > 0 && timeoutMs <= mostTimeoutMs))
    throw new PptError(
      "INVALID_OPTION",
      `timeoutMs ${String(timeoutMs)}: expected a number of milliseconds, above 0 and at most ${mostTimeoutMs}`,
    );
  if (maxFileBytes !== undefined && !(Number.isSafeInteger(maxFileBytes) && maxFileBytes > 0))
    throw new PptError(
      "INVALID_OPTION",
      `maxFileBytes ${String(maxFileBytes)}: expected a whole number of bytes above 0`,
    );
  const given = env[timeoutVariable]?.trim();
  // Those tools take 0 for their default.
  const ofEnvironment = given && Number(given) !== 0 ? 1000 * Number(given) : undefined;
  if (ofEnvironment !== undefined && !(ofEnvironment > 0 && ofEnvironment <= mostTimeoutMs))
    throw new PptError(
      "INVALID_OPTION",
      `${timeoutVariable} is ${JSON.stringify(given)}: expected a number of seconds above 0`,
    );
  return { timeoutMs: timeoutMs ?? ofEnvironment ?? defaultTimeoutMs, maxFileBytes };
}

/**
 * Largest file under a name. Weights may be as large as the caller allows; where no server tells their size, what the
 * caller has not allowed ends early.
 */
export function mostBytes(file: string, { maxFileBytes }: DownloadLimits, isSizeTold: boolean): number {
  if (!isWeights(file)) return Math.min(mostSmallBytes, maxFileBytes ?? mostSmallBytes);
  return maxFileBytes ?? (isSizeTold ? defaultFileBytes : mostSmallBytes);
}

export const isWeights = (file: string): boolean => file.endsWith(".safetensors");

/** `bytes` is undefined where nobody told the size. */
export function tooLarge(what: string, file: string, bytes: number | undefined, most: number): PptError {
  const size =
    bytes === undefined
      ? `goes on behind ${most} bytes, and the server told no size`
      : `has ${bytes} bytes, more than the ${most} that such a file may have`;
  const advice = isWeights(file) ? ": allow more with maxFileBytes, if you trust the server" : "";
  return new PptError("DOWNLOAD_FAILED", `${what}: ${size}${advice}`);
}
