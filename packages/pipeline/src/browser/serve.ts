/** The worker's side: loads and runs models for a page. */
import type { Backend, BackendDescriptor } from "@ppt-vit/core";
import { callback, check, checkOptions, flag, object, text } from "@ppt-vit/core/options";
import { openBackend } from "../backends/create.js";
import { automatic, descriptionOf, openChecked, openNamed, registerBackend } from "../backends/registry.js";
import type { ProgressInfo } from "../checkpoint/options.js";
import { pretrainedOptions } from "../tasks/checked-options.js";
import { methodForAll } from "../tasks/model.js";
import { isFailure } from "../tasks/result.js";
import type { BrowserImageInput } from "./decode.js";
import { type fromPretrained, openPretrained } from "./from-pretrained.js";
import { packError, type Reply, type Request } from "./protocol.js";
import { residentCheckpoint } from "./resident.js";

/** Options of `serveClassifiers`. */
export interface ServeOptions {
  /**
   * Further backends, tried before those of `createBackend`: with a runtime at another address, or of your own. Either
   * descriptors, which `auto` considers too, or functions by name.
   */
  readonly backends?: readonly BackendDescriptor[] | Readonly<Record<string, () => Promise<Backend>>> | undefined;
  /**
   * Keep the files of the checkpoint that was read last in memory. A further model of it, with other settings or on another backend,
   * then costs neither a download nor a parse, and the weights are in memory once more. Default false.
   */
  readonly keepCheckpoint?: boolean | undefined;
}

/** The members of a worker's global scope that are used here. */
interface Scope {
  postMessage(message: Reply, transfer?: Transferable[]): void;
  addEventListener(type: "message", listener: (event: MessageEvent<Request>) => void): void;
}

interface Served {
  readonly model: Awaited<ReturnType<typeof fromPretrained>>;
  /** The model's backend if this worker added it: it is disposed with the model. */
  readonly added?: Backend | undefined;
}

/** A model's methods for many pictures, by name. */
type Methods = Readonly<
  Record<string, (inputs: readonly BrowserImageInput[], options: object) => AsyncGenerator<object>>
>;

const isDescriptor = (value: unknown): boolean =>
  object.holds(value) &&
  text.holds((value as BackendDescriptor).name) &&
  callback.holds((value as BackendDescriptor).open);
const backendsCheck = check(
  "an array of descriptors { name, open }, or an object of functions that create a backend, by name",
  (value) =>
    Array.isArray(value)
      ? Array.from(value).every(isDescriptor)
      : object.holds(value) && Object.values(value as object).every(callback.holds),
);

/** Functions that create a backend, by name. Descriptors with a new name become known, so that `auto` considers them. */
function byName(backends: NonNullable<ServeOptions["backends"]>): Readonly<Record<string, () => Promise<Backend>>> {
  if (!isList(backends)) return backends;
  for (const descriptor of backends) if (!descriptionOf(descriptor.name)) registerBackend(descriptor);
  return Object.fromEntries(backends.map((descriptor) => [descriptor.name, () => descriptor.open()]));
}
const isList = (backends: object): backends is readonly BackendDescriptor[] => Array.isArray(backends);

/**
 * Answers `createClassifierWorker`. Call it once, at the start of a module worker:
 * `import { serveClassifiers } from "@ppt-vit/pipeline"; serveClassifiers();`
 */
export function serveClassifiers(options: ServeOptions = {}): void {
  const checked = checkOptions("serveClassifiers", options, {
    backends: backendsCheck,
    keepCheckpoint: flag,
  });
  const checkpoints = residentCheckpoint(checked.keepCheckpoint ?? false);
  const backends = byName(checked.backends ?? {});
  // TypeScript cannot load the types of pages and of workers together. In a worker the global object is a `Scope`.
  const scope = globalThis as unknown as Scope;
  const served = new Map<number, Served>();
  const running = new Map<number, AbortController>();

  async function load({ id, source, key, options, reports }: Extract<Request, { kind: "load" }>): Promise<object> {
    const { backend: name = automatic } = options;
    const { signal } = running.get(id)!;
    const report = (info: ProgressInfo) => scope.postMessage({ id, kind: "progress", info });
    const progress_callback = reports ? report : undefined;
    const isAdded = (name: string) => Object.hasOwn(backends, name);
    const open = (name: string) => (isAdded(name) ? openChecked(name, backends[name]!) : openNamed(name));
    // The automatic choice, too, takes the worker's own way to open a backend.
    const added =
      name === automatic || isAdded(name)
        ? await openBackend(name, { dtype: options.dtype, progress_callback }, open)
        : undefined;
    try {
      const model = await openPretrained(
        (loading, needs) => checkpoints.read({ source, key }, loading, needs),
        pretrainedOptions({ ...options, backend: added ?? name, signal, progress_callback }),
      );
      // The page no longer waits for a model whose loading was aborted.
      if (signal.aborted) await model.dispose();
      signal.throwIfAborted();
      served.set(id, { model, added });
      return Object.fromEntries(Object.entries(model).filter(([, value]) => typeof value !== "function"));
    } catch (error) {
      await added?.dispose();
      throw error;
    }
  }

  async function run({ id, model, method, inputs, options }: Extract<Request, { kind: "run" }>): Promise<void> {
    const { signal } = running.get(id)!;
    try {
      let index = 0;
      const methods = served.get(model)!.model as unknown as Methods;
      for await (const result of methods[methodForAll(method)]!(inputs, { ...options, signal })) {
        if (isFailure(result)) {
          const error = packError(result.error);
          scope.postMessage({ id, kind: "picture", index: index++, result: { error } });
        } else {
          const { input: _, ...rest } = result as { input?: unknown };
          scope.postMessage({ id, kind: "picture", index: index++, result: rest }, [...buffersOf(rest)]);
        }
      }
    } finally {
      // Sent bitmaps and frames belong to the worker, and the garbage collector does not free them in time.
      for (const input of inputs) if (typeof input === "object" && "close" in input) input.close();
    }
  }

  /** What a checkpoint can be used for, or its files. */
  async function look({ id, kind, source, key, options, reports }: Extract<Request, { kind: "inspect" | "files" }>) {
    const { signal } = running.get(id)!;
    const progress_callback = reports
      ? (info: ProgressInfo) => scope.postMessage({ id, kind: "progress", info })
      : undefined;
    const loading = { ...options, signal, progress_callback };
    return kind === "files"
      ? checkpoints.blobs({ source, key }, loading)
      : checkpoints.inspect({ source, key }, loading);
  }

  async function dispose(id: number): Promise<void> {
    const { model, added } = served.get(id)!;
    served.delete(id);
    await model.dispose();
    await added?.dispose();
  }

  async function answer(request: Request): Promise<Reply> {
    const { id } = request;
    switch (request.kind) {
      case "load":
        return { id, kind: "done", facts: await load(request) };
      case "inspect":
      case "files":
        return { id, kind: "done", facts: await look(request) };
      case "run":
        await run(request);
        break;
      case "dispose":
        await dispose(request.model);
        break;
      case "abort":
        running.get(id)?.abort();
    }
    return { id, kind: "done" };
  }

  scope.addEventListener("message", async ({ data: request }) => {
    // An abort has no reply of its own: the aborted request fails.
    if (request.kind === "abort") return void answer(request);
    running.set(request.id, new AbortController());
    const reply = await answer(request).catch(
      (error: unknown): Reply => ({ id: request.id, kind: "failed", error: packError(error) }),
    );
    running.delete(request.id);
    scope.postMessage(reply);
  });
}

/** The buffers of a result's arrays, which are transferred to the page. */
function buffersOf(value: unknown, found = new Set<Transferable>()): Set<Transferable> {
  if (ArrayBuffer.isView(value)) found.add(value.buffer as ArrayBuffer);
  else if (typeof value === "object" && value !== null) for (const part of Object.values(value)) buffersOf(part, found);
  return found;
}
