/** Tries again what may pass, a bounded number of times, and waits as long as the server asks. */
import { PptError } from "@ppt-vit/core";

export const mostAttempts = 5;
const firstPauseMs = 500;
/** Whoever asks to wait longer, in one pause or in all of them, is not waited for. */
const longestPauseMs = 120_000;

/** A failure that may pass: the server is busy, or the connection broke. */
export class PassingFailure extends Error {
  readonly waitMs: number | undefined;
  /** Attempts that it is worth in all. */
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

/** Resolves after a time, rejects with the signal's reason when it is aborted before. */
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
 * Runs `attempt` until it returns, at most `mostAttempts` times or as often as the failure is worth, with pauses of 0.5, 1,
 * 2 and 4 s or as long as the failure says. `what` starts the last error's message.
 * @throws PptError DOWNLOAD_FAILED, what `attempt` throws that is no PassingFailure, and the signal's reason
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
      // What an abort breaks is not worth another attempt.
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
