/** The page's side of a worker: the same models, computed elsewhere. */
import { PptError, reasonOf } from "@ppt-vit/core";
import { callback, checkArgument, shaped } from "@ppt-vit/core/options";
import type { LoadOptions } from "../checkpoint/checkpoint.js";
import {
  classifyOptions,
  embedOptions,
  featureOptions,
  portableOptions,
  requireBrowserPicture,
  requireBrowserSource,
  requireInputs,
} from "../options.js";
import type { BatchOptions } from "../tasks/batches.js";
import { onlyResult, type PictureFailure } from "../tasks/result.js";
import { baseAddress } from "./address.js";
import type { BrowserImageInput } from "./decode.js";
import { type BrowserCheckpointSource, portableSource } from "./files.js";
import type { Classification, DenseFeatures, Embedding, FeatureExtractor, ImageClassifier } from "./from-pretrained.js";
import {
  type Description,
  type Method,
  type PortableExtractorOptions,
  type PortableOptions,
  type Reply,
  type Request,
  unpackError,
} from "./protocol.js";

export type WorkerClassifierOptions = PortableOptions & LoadOptions;
export type WorkerExtractorOptions = PortableExtractorOptions & LoadOptions;

export interface ClassifierWorker {
  /**
   * `fromPretrained` in the worker. A backend is named: of `createBackend`, or of those that the worker adds.
   * @throws PptError as `fromPretrained`; the signal's reason when aborted
   */
  fromPretrained(source: BrowserCheckpointSource, options: WorkerExtractorOptions): Promise<FeatureExtractor>;
  fromPretrained(source: BrowserCheckpointSource, options?: WorkerClassifierOptions): Promise<ImageClassifier>;
  /** Ends the worker at once, whatever it is computing. What it still owed fails as DISPOSED. */
  dispose(): Promise<void>;
}

/** Waits for the replies to one request. */
interface Pending {
  onReply(reply: Reply): void;
  onFailure(error: unknown): void;
}

const workerCheck = shaped("a Worker that calls serveClassifiers()", {
  postMessage: callback.holds,
  addEventListener: callback.holds,
  terminate: callback.holds,
});

/**
 * Models in a module worker that calls `serveClassifiers`, so that the page stays responsive. The worker is the
 * caller's, because bundlers find workers only in `new Worker(new URL("./worker.js", import.meta.url))`:
 * `createClassifierWorker(new Worker(new URL("./worker.js", import.meta.url), { type: "module" }))`.
 */
export function createClassifierWorker(worker: Worker): ClassifierWorker {
  checkArgument("createClassifierWorker", "worker", worker, workerCheck);
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

  /** What `method` of a model in the worker gives for each input. */
  async function* runAll<Result extends { readonly input: BrowserImageInput }>(
    model: number,
    method: Method,
    inputs: readonly BrowserImageInput[],
    { signal, ...options }: BatchOptions = {},
  ): AsyncGenerator<Result | PictureFailure<BrowserImageInput>> {
    signal?.throwIfAborted();
    const transfer: Transferable[] = [];
    const portable = await Promise.all(inputs.map((input) => portableInput(input, transfer)));
    const stop = new AbortController();
    const signals = signal ? AbortSignal.any([signal, stop.signal]) : stop.signal;
    const arrived: (Result | PictureFailure<BrowserImageInput>)[] = [];
    let wake = () => {};
    const { done } = ask(
      { kind: "run", model, method, inputs: portable, options },
      {
        signal: signals,
        transfer,
        onReply(reply) {
          if (reply.kind !== "picture") return;
          const input = inputs[reply.index]!;
          const { result } = reply;
          if (!("error" in result)) arrived.push({ input, ...result } as Result);
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

  async function fromPretrained(
    source: BrowserCheckpointSource,
    options: WorkerExtractorOptions,
  ): Promise<FeatureExtractor>;
  async function fromPretrained(
    source: BrowserCheckpointSource,
    options?: WorkerClassifierOptions,
  ): Promise<ImageClassifier>;
  async function fromPretrained(
    source: BrowserCheckpointSource,
    given: WorkerClassifierOptions | WorkerExtractorOptions = {},
  ): Promise<ImageClassifier | FeatureExtractor> {
    const { signal, progress_callback: report, ...options } = portableOptions(given) as typeof given;
    requireBrowserSource("fromPretrained", source);
    const { id, done } = ask(
      { kind: "load", source: portableSource(source), options },
      {
        signal,
        onReply: (reply) => {
          if (reply.kind === "progress") report?.(reply.info);
        },
      },
    );
    const { description } = (await done) as Extract<Reply, { kind: "done" }>;
    let disposal: Promise<unknown> | undefined;
    type Inputs = readonly BrowserImageInput[];
    async function* run<Result extends { readonly input: BrowserImageInput }>(
      method: Method,
      inputs: Inputs,
      optionsOf: () => BatchOptions,
    ) {
      if (disposal) throw new PptError("DISPOSED", `${method}: this model was disposed; load it again`);
      const runOptions = optionsOf();
      requireInputs(method, inputs);
      for (const input of inputs) requireBrowserPicture(input);
      yield* runAll<Result>(id, method, inputs, runOptions);
    }
    const runOne = async <Result extends { readonly input: BrowserImageInput }>(
      method: Method,
      input: BrowserImageInput,
      optionsOf: () => BatchOptions,
    ) => onlyResult(run<Result>(method, [input], () => ({ ...optionsOf(), batch: 1 })));
    const dispose = async () => {
      disposal ??= ended ? Promise.resolve() : ask({ kind: "dispose", model: id }, {}).done;
      await disposal;
    };
    if (options.task === "image-feature-extraction")
      return {
        ...(description as Description<FeatureExtractor>),
        embedAll: (inputs, runOptions) => run<Embedding>("embedAll", inputs, () => embedOptions(runOptions)),
        embed: async (input, runOptions) =>
          (await runOne<Embedding>("embedAll", input, () => embedOptions(runOptions))).embedding,
        featuresAll: (inputs, runOptions) =>
          run<DenseFeatures>("featuresAll", inputs, () => featureOptions(runOptions)),
        features: (input, runOptions) => runOne<DenseFeatures>("featuresAll", input, () => featureOptions(runOptions)),
        dispose,
      };
    return {
      ...(description as Description<ImageClassifier>),
      classifyAll: (inputs, runOptions) =>
        run<Classification>("classifyAll", inputs, () => classifyOptions(runOptions)),
      classify: (input, runOptions) => runOne<Classification>("classifyAll", input, () => classifyOptions(runOptions)),
      dispose,
    };
  }

  return {
    fromPretrained,
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
      const reason = reasonOf(cause);
      throw new PptError("INVALID_IMAGE", `image: cannot be read (${reason})`, { cause });
    },
  );
  transfer.push(bitmap);
  return bitmap;
}
