/** Retries failures that may pass: a bounded number of times, waiting as long as the server asks. */
import { PptError } from "@ppt-vit/core";

export const mostAttempts = 5;
const firstPauseMs = 500;
/** Longest wait in all. If `Retry-After` exceeds it, the download fails at once. */
const longestPauseMs = 120_000;

/** A failure that may pass: the server is busy, or the connection broke. */
export class PassingFailure extends Error {
  readonly waitMs: number | undefined;
  /** How often the request is made in all, this failure included. */
  readonly attempts: number;

  constructor(
    message: string,
    options: { readonly waitMs?: number | undefined; readonly attempts?: number; readonly cause?: unknown } = {},
  ) {
    super(message, { cause: options.cause });
    this.waitMs = options.waitMs;
    this.attempts = options.attempts ?? mostAttempts;
  }
}

/** Resolves after `ms` milliseconds. Rejects with the signal's reason if the signal is aborted first. */
export type Wait = (ms: number, signal: AbortSignal | undefined) => Promise<void>;

export const waitForTimer: Wait = (ms, signal) =>
  new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, ms);
    signal?.addEventListener("abort", stop, { once: true });
  });

/**
 * Runs `attempt` until it returns. A `PassingFailure` is retried up to its own number of attempts, after pauses of 0.5, 1, 2
 * and 4 s, or of `waitMs`. Any other error ends it at once. `what` starts the message of the last error.
 * @throws PptError DOWNLOAD_FAILED when it gives up; other errors of `attempt`; the signal's reason
 */
export async function persist<R>(
  what: string,
  { wait, signal }: { readonly wait: Wait; readonly signal?: AbortSignal | undefined },
  attempt: () => Promise<R>,
): Promise<R> {
  let waitedMs = 0;
  for (let attempts = 1; ; attempts++) {
    signal?.throwIfAborted();
    try {
      return await attempt();
    } catch (error) {
      // After an abort there is no further attempt.
      signal?.throwIfAborted();
      if (!(error instanceof PassingFailure)) throw error;
      const pauseMs = error.waitMs ?? firstPauseMs * 2 ** (attempts - 1);
      const giveUp = (why: string): never => {
        throw new PptError("DOWNLOAD_FAILED", `${what}: ${error.message}; ${why}`, { cause: error });
      };
      if (attempts >= error.attempts) giveUp(`gave up after ${attempts} attempts: try again later`);
      waitedMs += pauseMs;
      if (waitedMs > longestPauseMs) giveUp(`the server asks to wait ${Math.ceil(pauseMs / 1000)} s: try again then`);
      await wait(pauseMs, signal);
    }
  }
}
