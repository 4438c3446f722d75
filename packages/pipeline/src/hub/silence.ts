/** Ends what a server leaves hanging: an answer that does not come, and a body that stops coming. */
import { PassingFailure } from "./attempts.js";
import { connectionReason } from "./reason.js";

/** Someone who does not answer at all is not asked as often as someone who is busy. */
const mostSilences = 2;

/**
 * What `start` gives, unless it takes longer than `timeoutMs`. The signal that `start` gets is aborted then, and when
 * `signal` is. `who` starts the failure's message.
 * @throws PassingFailure when the time has passed, what `start` throws, the signal's reason
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
 * The pieces of a body as they arrive. A slow body is read to its end; one that brings nothing for `timeoutMs` is given up.
 * @throws PassingFailure where the connection breaks or falls silent, the signal's reason
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
      // Pieces of nothing are no sign of life.
      if (next.value.length === 0) continue;
      yield next.value;
      lastMs = Date.now();
    }
  } catch (cause) {
    signal?.throwIfAborted();
    if (cause instanceof PassingFailure) throw cause;
    throw new PassingFailure(`the connection broke (${connectionReason(cause)})`, { cause });
  } finally {
    // Not waited for: what hangs may hang here, too.
    void reader.cancel().catch(() => {}); // broken already
  }
}

/** The whole body, of at most `mostBytes`. @throws PassingFailure, what `tooLarge` makes, the signal's reason */
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
