/** compile() for backends that execute each operation at once. */
import type { CompileOptions, Executable, HostTensor, Ops, Program, Tensor, Tensors } from "./backend.js";
import { PptError } from "./errors.js";
import { showShape, sizeOf } from "./shape.js";

/** What an eager backend supplies for one compiled program. */
export interface EagerSession<T extends Tensor> {
  readonly ops: Ops<T>;
  upload(host: HostTensor): T;
  /** Copies a result to the host. The array belongs to the caller. */
  download(x: T): Promise<HostTensor>;
  /** Called after the outputs of a run were read, also when it failed. */
  endRun(): void;
  /** Frees parameters, constants and buffers. */
  dispose(): void;
}

/** Runs `program` on every call. Parameters are uploaded once; runs are queued, one at a time. */
export function compileEager<T extends Tensor>(
  session: EagerSession<T>,
  program: Program,
  { params, inputs }: CompileOptions,
): Executable {
  const uploaded = Object.fromEntries(Object.entries(params).map(([name, host]) => [name, session.upload(host)]));
  let disposed = false;
  let last: Promise<unknown> = Promise.resolve();

  async function runOnce(feeds: Tensors<HostTensor>): Promise<Tensors<HostTensor>> {
    if (disposed) throw new PptError("DISPOSED", "run: this executable was disposed; compile the program again");
    checkFeeds(inputs, feeds);
    try {
      const outputs = session.ops.scope("program", () => {
        const fed = Object.fromEntries(Object.keys(inputs).map((name) => [name, session.upload(feeds[name]!)]));
        return program(session.ops, uploaded, fed);
      });
      const read = Object.entries(outputs).map(async ([name, x]) => [name, await session.download(x)] as const);
      return Object.fromEntries(await Promise.all(read));
    } finally {
      session.endRun();
    }
  }

  return {
    run(feeds) {
      const result = last.then(() => runOnce(feeds));
      last = result.catch(() => {});
      return result;
    },
    async dispose() {
      if (disposed) return;
      disposed = true;
      await last;
      session.dispose();
    },
  };
}

/** @throws PptError INVALID_INPUT unless every input is fed with its shape; -1 stands for any batch of at least 1. */
export function checkFeeds(inputs: CompileOptions["inputs"], feeds: Tensors<HostTensor>): void {
  for (const [name, shape] of Object.entries(inputs)) {
    const feed = feeds[name];
    if (!feed) throw new PptError("INVALID_INPUT", `run: input '${name}' ${showShape(shape)} is missing`);
    const fits =
      feed.shape.length === shape.length &&
      shape.every((n, i) => n === feed.shape[i] || (n === -1 && feed.shape[i]! > 0));
    if (!fits)
      throw new PptError(
        "INVALID_INPUT",
        `run: input '${name}' is ${showShape(feed.shape)}, expected ${showShape(shape)}`,
      );
    if (feed.data.length !== sizeOf(feed.shape))
      throw new PptError(
        "INVALID_INPUT",
        `run: input '${name}' has ${feed.data.length} values for shape ${showShape(feed.shape)}`,
      );
  }
}

/** The tensors in what a scope returned: a tensor, or arrays and plain objects of them. */
export function collectTensors<T extends Tensor>(value: unknown, isTensor: (value: unknown) => value is T): T[] {
  if (isTensor(value)) return [value];
  if (typeof value !== "object" || value === null) return [];
  return Object.values(value).flatMap((part) => collectTensors(part, isTensor));
}
