/** The page's side of a worker: models with the same interface, computed in the worker. */
import { PptError, reasonOf } from "@ppt-vit/core";
import { callback, check, checkArgument, shaped, text } from "@ppt-vit/core/options";
import { type LoadOptions, loadOptions } from "../checkpoint/options.js";
import { pretrainedOptions } from "../tasks/checked-options.js";
import { assembleModel } from "../tasks/model.js";
import type { BatchOptions, ModelOptions } from "../tasks/options.js";
import { type DefaultTask, type ModelOf, type TaskName, taskNamed } from "../tasks/registry.js";
import type { PictureFailure } from "../tasks/result.js";
import { baseAddress } from "./address.js";
import type { BrowserImageInput } from "./decode.js";
import { type BrowserCheckpointSource, type NamedBlobs, portableSource } from "./files.js";
import { requirePicture, requireSource } from "./inputs.js";
import type { PlatformType } from "./platform-types.js";
import { type PortableOptions, type Reply, type Request, unpackError, type WorkerOptions } from "./protocol.js";
import type { CheckpointFacts } from "./resident.js";

/** A worker that loads models and runs them, as seen from the page. */
export interface ClassifierWorker {
  /**
   * `fromPretrained` in the worker. A backend is given by its name: one of `createBackend`, or one that the worker adds.
   * @throws PptError as `fromPretrained`; the signal's reason when aborted
   */
  fromPretrained<Name extends TaskName = DefaultTask>(
    source: BrowserCheckpointSource,
    options?: WorkerOptions<Name>,
  ): Promise<ModelOf<Name, BrowserImageInput>>;
  /**
   * Reads a checkpoint, and says what it can be used for. A worker that keeps its checkpoint does not read it again.
   * @throws PptError as `fromPretrained`
   */
  inspect(source: BrowserCheckpointSource, options?: LoadOptions): Promise<CheckpointFacts>;
  /**
   * The files of a checkpoint as the worker has read them, as a source for other workers, which then download nothing.
   * @throws PptError as `fromPretrained`
   */
  files(source: BrowserCheckpointSource, options?: LoadOptions): Promise<NamedBlobs>;
  /** Ends the worker at once, even while it computes. Requests without an answer fail as DISPOSED. */
  dispose(): Promise<void>;
}

/** The handlers of one request that is not done. */
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
 * Models in a module worker that calls `serveClassifiers`, so that the page stays responsive. The caller makes the worker,
 * because bundlers find workers only in the text `new Worker(new URL("./worker.js", import.meta.url))`:
 * `createClassifierWorker(new Worker(new URL("./worker.js", import.meta.url), { type: "module" }))`.
 */
export function createClassifierWorker(worker: PlatformType<"Worker">): ClassifierWorker {
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

  /** Sends a request and handles its replies until the last. An abort is sent to the worker without waiting for a reply. */
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

  /** The results of `method` of a model in the worker, one for each input. */
  async function* runAll(
    model: number,
    method: string,
    inputs: readonly BrowserImageInput[],
    { signal, ...options }: BatchOptions,
  ): AsyncGenerator<object, void, unknown> {
    signal?.throwIfAborted();
    const transfer: Transferable[] = [];
    const portable = await Promise.all(inputs.map((input) => portableInput(input, transfer)));
    const stop = new AbortController();
    const signals = signal ? AbortSignal.any([signal, stop.signal]) : stop.signal;
    const arrived: object[] = [];
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
          if (!("error" in result)) arrived.push({ input, ...result });
          // A failure of a single picture is always a PptError.
          else
            arrived.push({
              input,
              error: unpackError(result.error) as PptError,
            } satisfies PictureFailure<BrowserImageInput>);
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
      // The caller may stop iterating early.
      if (!finished) stop.abort();
    }
  }

  async function fromPretrained<Name extends TaskName = DefaultTask>(
    source: BrowserCheckpointSource,
    given?: WorkerOptions<Name>,
  ): Promise<ModelOf<Name, BrowserImageInput>> {
    const { signal, progress_callback: report, ...options } = portableOptions(given);
    requireSource("fromPretrained", source);
    const { id, done } = ask(
      { kind: "load", source: portableSource(source), key: keyOf(source), options, reports: report !== undefined },
      { signal, onReply: reporting(report) },
    );
    const { facts = {} } = (await done) as Extract<Reply, { kind: "done" }>;
    let disposal: Promise<unknown> | undefined;
    async function* run(method: string, inputs: readonly BrowserImageInput[], runOptions: BatchOptions) {
      if (disposal) throw new PptError("DISPOSED", `${method}: this model was disposed; load it again`);
      for (const input of inputs) requirePicture(input);
      yield* runAll(id, method, inputs, runOptions);
    }
    const dispose = async () => {
      disposal ??= ended ? Promise.resolve() : ask({ kind: "dispose", model: id }, {}).done;
      await disposal;
    };
    return assembleModel(taskNamed(options.task), facts, run, dispose) as ModelOf<Name, BrowserImageInput>;
  }

  /** What the worker tells of a checkpoint without making a model of it. */
  async function look<Told>(
    kind: "inspect" | "files",
    source: BrowserCheckpointSource,
    given: LoadOptions | undefined,
  ): Promise<Told> {
    const { signal, progress_callback: report, ...options } = loadOptions(kind, given);
    requireSource(kind, source);
    const { done } = ask(
      { kind, source: portableSource(source), key: keyOf(source), options, reports: report !== undefined },
      { signal, onReply: reporting(report) },
    );
    return ((await done) as Extract<Reply, { kind: "done" }>).facts as Told;
  }

  return {
    fromPretrained,
    inspect: (source, options) => look<CheckpointFacts>("inspect", source, options),
    files: (source, options) => look<NamedBlobs>("files", source, options),
    async dispose() {
      end(new PptError("DISPOSED", "this classifier worker was disposed; create another"));
    },
  };
}

/** Numbers of sources: the same text, and the same object, always has the same number. */
const textKeys = new Map<string, number>();
const objectKeys = new WeakMap<object, number>();
let keys = 0;

function keyOf(source: BrowserCheckpointSource): number {
  if (source instanceof URL) return keyOf(source.href);
  const known = typeof source === "string" ? textKeys.get(source) : objectKeys.get(source);
  if (known !== undefined) return known;
  const key = keys++;
  if (typeof source === "string") textKeys.set(source, key);
  else objectKeys.set(source, key);
  return key;
}

const reporting =
  (report: LoadOptions["progress_callback"]): Hear =>
  (reply) => {
    if (reply.kind === "progress") report?.(reply.info);
  };

const backendName = check(
  "the name of a backend: one of your own cannot be sent, add it to serveClassifiers()",
  text.holds,
);

/**
 * Checked options with a named backend and a named policy. The signal and the callback must be taken out before sending.
 * @throws PptError INVALID_OPTION, INVALID_REDUCTION
 */
function portableOptions<Name extends TaskName>(
  given: WorkerOptions<Name> | undefined,
): PortableOptions & LoadOptions & { readonly task?: string | undefined } {
  const checked: ModelOptions & { readonly task?: string | undefined } = pretrainedOptions<Name>(given);
  const { backend, ...options } = checked;
  const { reduction } = options;
  const own = typeof reduction === "object" && [reduction.policy].flat().find((policy) => typeof policy === "object");
  if (own)
    throw new PptError(
      "INVALID_REDUCTION",
      `fromPretrained: reduction.policy is the object '${own.name}', and functions cannot be sent to a worker: write a policy's name, such as 'ppt', or load the model without a worker`,
    );
  if (backend === undefined) return options;
  checkArgument("fromPretrained", "backend", backend, backendName, "INVALID_OPTION");
  return { ...options, backend: backend as string };
}

type Hear = (reply: Reply) => void;
type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;

/** An input that a worker can take: addresses become absolute, elements and canvases become bitmaps, others are cloned. */
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
