/** How long a server may be silent, and how large a file may be. */
import { PptError } from "@ppt-vit/core";
import type { HubOptions } from "./options.js";

export interface DownloadLimits {
  /** Longest silence of a server: before its answer, and between two pieces of a body. */
  readonly timeoutMs: number;
  /** Largest safetensors file, in bytes; undefined if the caller has not set it. */
  readonly maxFileBytes: number | undefined;
}

/** Hugging Face's own tools wait as long. */
const defaultTimeoutMs = 10_000;
/** Longest time of a JavaScript timer. */
const mostTimeoutMs = 2 ** 31 - 1;
const defaultFileBytes = 2 ** 34;
/** Largest file that is not weights, and largest body whose size the server does not tell. */
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
  // In Hugging Face's tools, 0 means the default.
  const ofEnvironment = given && Number(given) !== 0 ? 1000 * Number(given) : undefined;
  if (ofEnvironment !== undefined && !(ofEnvironment > 0 && ofEnvironment <= mostTimeoutMs))
    throw new PptError(
      "INVALID_OPTION",
      `${timeoutVariable} is ${JSON.stringify(given)}: expected a number of seconds above 0`,
    );
  return { timeoutMs: timeoutMs ?? ofEnvironment ?? defaultTimeoutMs, maxFileBytes };
}

/**
 * The limit for the file of that name, in bytes. Weights may be as large as the caller allows. If the caller sets no limit
 * and the server does not tell the size, the limit is that of small files.
 */
export function mostBytes(file: string, { maxFileBytes }: DownloadLimits, isSizeTold: boolean): number {
  if (!isWeights(file)) return Math.min(mostSmallBytes, maxFileBytes ?? mostSmallBytes);
  return maxFileBytes ?? (isSizeTold ? defaultFileBytes : mostSmallBytes);
}

export const isWeights = (file: string): boolean => file.endsWith(".safetensors");

/** The error for a file above its limit `most`; `bytes` is undefined if the server did not tell the size. */
export function tooLarge(what: string, file: string, bytes: number | undefined, most: number): PptError {
  const size =
    bytes === undefined
      ? `goes on behind ${most} bytes, and the server told no size`
      : `has ${bytes} bytes, more than the ${most} that such a file may have`;
  const advice = isWeights(file) ? ": allow more with maxFileBytes, if you trust the server" : "";
  return new PptError("DOWNLOAD_FAILED", `${what}: ${size}${advice}`);
}
