/** The page's side of a classifier worker: the same classifier, computed elsewhere. */
import { PptError } from "@ppt-vit/core";
import type { LoadOptions } from "../checkpoint.js";
import type { ClassifyOptions } from "../classifier.js";
import { onlyResult } from "../result.js";
import { baseAddress } from "./address.js";
import type { BrowserImageInput } from "./decode.js";
import { type BrowserCheckpointSource, portableSource } from "./files.js";
import type { Classification, ImageClassifier, PictureFailure } from "./from-pretrained.js";
import { type PortableOptions, type Reply, type Request, unpackError } from "./protocol.js";

export type WorkerClassifierOptions = PortableOptions & LoadOptions;

export interface ClassifierWorker {
  /**
   * `fromPretrained` in the worker. A backend is named: of `createBackend`, or of those that the worker adds.
   * @throws PptError as `fromPretrained`; the signal's reason when aborted
   */
  fromPretrained(source: BrowserCheckpointSource, options?: WorkerClassifierOptions): Promise<ImageClassifier>;
  /** Ends the worker at once, whatever it is computing. What it still owed fails as DISPOSED. */
  dispose(): Promise<void>;
}

/** Waits for the replies to one request. */
interface Pending {
  onReply(reply: Reply): void;
  onFailure(error: unknown): void;
}

/**
 * Classifiers in a module worker that calls `serveClassifiers`, so that the page stays responsive. The worker is the
 * caller's, because bundlers find workers only in `new Worker(new URL("./worker.js", import.meta.url))`:
 * `createClassifierWorker(new Worker(new URL("./worker.js", import.meta.url), { type: "module" }))`.
 */
export function createClassifierWorker(worker: Worker): ClassifierWorker {
  const pending = new Map<number, Pending>();
  let requests = 0;
  let ended: PptError | undefined;

  function end(error: PptError): void {
    ended ??= error;
    worker.terminate();
    for (const { onFailure } of pending.values()) onFailure(ended);
    pending.clear();
  }
  worker.addEventListener("message", ({ data: reply }: MessageEvent<Reply>) => {
    const waiting = pending.get(reply.id);
    if (reply.kind === "done" || reply.kind === "failed") pending.delete(reply.id);
    if (reply.kind === "failed") waiting?.onFailure(unpackError(reply.error));
    else waiting?.onReply(reply);
  });
  const crashed = (why: string) => end(new PptError("BACKEND_UNAVAILABLE", `the worker failed: ${why}`));
  worker.addEventListener("error", ({ message }) => crashed(message || "its script did not load"));
  worker.addEventListener("messageerror", () => crashed("a message could not be read"));

  /** Sends a request and hears its replies until the last. An abort is told to the worker and not waited for. */
  function ask(
    request: DistributiveOmit<Request, "id">,
    { signal, transfer = [], onReply }: { signal?: AbortSignal | undefined; transfer?: Transferable[]; onReply?: Hear },
  ): { id: number; done: Promise<Reply> } {
    const id = requests++;
    const done = new Promise<Reply>((resolve, reject) => {
      if (ended) return reject(ended);
      if (signal?.aborted) return reject(signal.reason);
      const abort = () => {
        pending.delete(id);
        worker.postMessage({ id, kind: "abort" } satisfies Request);
        reject(signal!.reason);
      };
      signal?.addEventListener("abort", abort, { once: true });
      const settle = () => signal?.removeEventListener("abort", abort);
      pending.set(id, {
        onReply(reply) {
          if (reply.kind !== "done") return onReply?.(reply);
          settle();
          resolve(reply);
        },
        onFailure(error) {
          settle();
          reject(error);
        },
      });
      worker.postMessage({ id, ...request }, transfer);
    });
    return { id, done };
  }

  async function* classifyAll(
    classifier: number,
    inputs: readonly BrowserImageInput[],
    { signal, ...options }: ClassifyOptions = {},
  ): AsyncGenerator<Classification | PictureFailure> {
    signal?.throwIfAborted();
    const transfer: Transferable[] = [];
    const portable = await Promise.all(inputs.map((input) => portableInput(input, transfer)));
    const stop = new AbortController();
    const signals = signal ? AbortSignal.any([signal, stop.signal]) : stop.signal;
    const arrived: (Classification | PictureFailure)[] = [];
    let wake = () => {};
    const { done } = ask(
      { kind: "classify", classifier, inputs: portable, options },
      {
        signal: signals,
        transfer,
        onReply(reply) {
          if (reply.kind !== "picture") return;
          const input = inputs[reply.index]!;
          const { result } = reply;
          if (!("error" in result)) arrived.push({ input, ...result });
          // Only the failures of single pictures come this way, and those are the project's own.
          else arrived.push({ input, error: unpackError(result.error) as PptError });
          wake();
        },
      },
    );
    let finished = false;
    const ending = done.finally(() => {
      finished = true;
      wake();
    });
    ending.catch(() => {});
    try {
      for (;;) {
        while (arrived.length > 0) yield arrived.shift()!;
        if (finished) break;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      await ending;
    } finally {
      // The caller may have left early.
      if (!finished) stop.abort();
    }
  }

  return {
    async fromPretrained(source, { signal, progress_callback: report, ...options } = {}) {
      const { id, done } = ask(
        { kind: "load", source: portableSource(source), options },
        {
          signal,
          onReply: (reply) => {
            if (reply.kind === "progress") report?.(reply.info);
          },
        },
      );
      const reply = await done;
      let disposal: Promise<unknown> | undefined;
      const use = () => {
        if (disposal) throw new PptError("DISPOSED", "classify: this classifier was disposed; load the model again");
        return id;
      };
      return {
        ...(reply as Extract<Reply, { kind: "done" }>).description!,
        async *classifyAll(inputs, classifyOptions) {
          yield* classifyAll(use(), inputs, classifyOptions);
        },
        async classify(input, classifyOptions) {
          return onlyResult(classifyAll(use(), [input], { ...classifyOptions, batch: 1 }));
        },
        async dispose() {
          disposal ??= ended ? Promise.resolve() : ask({ kind: "dispose", classifier: id }, {}).done;
          await disposal;
        },
      };
    },
    async dispose() {
      end(new PptError("DISPOSED", "this classifier worker was disposed; create another"));
    },
  };
}

type Hear = (reply: Reply) => void;
type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;

/** What a worker can take: addresses made absolute, what belongs to the page copied into a bitmap, the rest cloned. */
async function portableInput(input: BrowserImageInput, transfer: Transferable[]): Promise<BrowserImageInput> {
  if (typeof input === "string" || input instanceof URL) return new URL(input, baseAddress()).href;
  const isElement = typeof HTMLElement === "function" && input instanceof HTMLElement;
  if (!isElement && !(input instanceof OffscreenCanvas)) return input;
  const bitmap = await createImageBitmap(input, { premultiplyAlpha: "none", colorSpaceConversion: "none" }).catch(
    (cause: unknown) => {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new PptError("INVALID_IMAGE", `image: cannot be read (${reason})`, { cause });
    },
  );
  transfer.push(bitmap);
  return bitmap;
}
