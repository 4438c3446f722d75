/** Timeouts for silent servers: for an answer that does not come, and for a body that stops arriving. */
import { PassingFailure } from "./attempts.js";
import { connectionReason } from "./reason.js";

/** Attempts after silence. They are fewer than for a busy server, because each costs a whole timeout. */
const mostSilences = 2;

/**
 * Gives what `start` gives, unless that takes longer than `timeoutMs`. `start` gets a signal, which is aborted after that
 * time, and when `signal` is. `who` starts the failure's message.
 * @throws PassingFailure after the timeout, errors of `start`, the signal's reason
 */
export async function answerWithin<R>(
  who: string,
  { timeoutMs, signal }: { readonly timeoutMs: number; readonly signal?: AbortSignal | undefined },
  start: (signal: AbortSignal) => Promise<R>,
): Promise<R> {
  const controller = new AbortController();
  const both = signal ? AbortSignal.any([signal, controller.signal]) : controller.signal;
  try {
    return await orSilence(who, timeoutMs, start(both));
  } catch (error) {
    if (error instanceof PassingFailure) controller.abort(error);
    throw error;
  }
}

/**
 * The pieces of a body as they arrive. A slow body is read to its end; a body without a piece for `timeoutMs` fails.
 * @throws PassingFailure if the connection breaks or falls silent, the signal's reason
 */
export async function* piecesOf(
  body: ReadableStream<Uint8Array<ArrayBuffer>>,
  { timeoutMs, signal }: { readonly timeoutMs: number; readonly signal?: AbortSignal | undefined },
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const reader = body.getReader();
  try {
    for (let lastMs = Date.now(); ; ) {
      const leftMs = Math.max(1, lastMs + timeoutMs - Date.now());
      const next = await orSilence("the server", leftMs, reader.read(), timeoutMs);
      if (next.done) return;
      // An empty piece does not restart the timeout.
      if (next.value.length === 0) continue;
      yield next.value;
      lastMs = Date.now();
    }
  } catch (cause) {
    signal?.throwIfAborted();
    if (cause instanceof PassingFailure) throw cause;
    throw new PassingFailure(`the connection broke (${connectionReason(cause)})`, { cause });
  } finally {
    // Not awaited: a connection that hangs may hang here, too.
    void reader.cancel().catch(() => {}); // broken already
  }
}

/** The whole body, at most `mostBytes`. @throws PassingFailure, the error of `tooLarge`, the signal's reason */
export async function wholeBody(
  body: ReadableStream<Uint8Array<ArrayBuffer>> | null,
  mostBytes: number,
  options: { readonly timeoutMs: number; readonly signal?: AbortSignal | undefined },
  tooLarge: () => Error,
): Promise<Uint8Array<ArrayBuffer>> {
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  let bytes = 0;
  if (body)
    for await (const piece of piecesOf(body, options)) {
      bytes += piece.length;
      if (bytes > mostBytes) throw tooLarge();
      pieces.push(piece);
    }
  const whole = new Uint8Array(bytes);
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}

function orSilence<R>(who: string, ms: number, work: Promise<R>, saidMs = ms): Promise<R> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(
      () =>
        reject(
          new PassingFailure(
            `${who} has sent nothing for ${saidMs / 1000} s (timeoutMs, in Node HF_HUB_DOWNLOAD_TIMEOUT, sets how long that may be)`,
            { attempts: mostSilences },
          ),
        ),
      ms,
    );
    work.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
