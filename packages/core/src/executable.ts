/** What every executable does alike: check its feeds, take one run at a time, dispose once. */

import { requireTensor } from "./checked-primitives.js";
import { PptError } from "./errors.js";
import { callback, check, checkArgument, checkOptions, found, hostTensorCheck, object } from "./options.js";
import type { CompileOptions, Executable, HostTensor, Ops, Program, Shape, Tensor, Tensors } from "./seam.js";
import { showShape, sizeOf } from "./shape.js";

/** Positive lengths; -1 in front leaves the batch free. */
const inputShape = check("a shape of lengths of at least 1, -1 in front for a free batch", (value) => {
  const isLength = (n: unknown, axis: number) =>
    Number.isInteger(n) && ((n as number) >= 1 || (n === -1 && axis === 0));
  return Array.isArray(value) && Array.from(value).every(isLength);
});

/**
 * What every `compile` is given, checked alike.
 * @throws PptError INVALID_INPUT for what is no program or no options, INVALID_SHAPE for parameters that do not fill their
 * shape and inputs of no shape
 */
export function checkProgram(program: Program, options: Pick<CompileOptions, "params" | "inputs">): void {
  checkArgument("compile", "program", program, callback);
  checkOptions("compile", options, { params: object, inputs: object }, { required: ["params", "inputs"] });
  for (const [name, host] of Object.entries(options.params)) {
    checkArgument("compile", `parameter '${name}'`, host, hostTensorCheck);
    if (host.data.length !== sizeOf(host.shape))
      throw new PptError(
        "INVALID_SHAPE",
        `compile: parameter '${name}' has ${host.data.length} values for shape ${showShape(host.shape)}`,
      );
  }
  for (const [name, shape] of Object.entries(options.inputs))
    checkArgument("compile", `input '${name}'`, shape, inputShape, "INVALID_SHAPE");
}

/** What a program returns. A promise is none: it would have no outputs. */
const outputsCheck = check(
  "tensors by name, returned at once and not as a promise",
  (value) => object.holds(value) && !callback.holds((value as { readonly then?: unknown }).then),
);

/**
 * Calls a program, as every backend does.
 * @throws PptError INVALID_INPUT unless it returns tensors by name; what the operations throw that it calls
 */
export function callProgram<T extends Tensor>(
  program: Program,
  ops: Ops<T>,
  params: Tensors<T>,
  inputs: Tensors<T>,
): Tensors<T> {
  const outputs = program(ops, params, inputs);
  checkArgument("program", "result", outputs, outputsCheck);
  for (const [name, x] of Object.entries(outputs)) requireTensor("program", `output '${name}'`, x);
  return outputs;
}

export interface ExecutableParts {
  readonly inputs: CompileOptions["inputs"];
  /** One run, with feeds that fit. Never called while another is under way, nor after `dispose`. */
  run(feeds: Tensors<HostTensor>): Promise<Tensors<HostTensor>>;
  /** Frees what the program holds. Called once, when no run is under way. */
  dispose(): void | Promise<void>;
}

/** An executable from its two essential parts. */
export function makeExecutable(parts: ExecutableParts): Executable {
  let disposal: Promise<void> | undefined;
  let last: Promise<unknown> = Promise.resolve();
  return {
    run(feeds) {
      const result = last.then(() => {
        if (disposal) throw new PptError("DISPOSED", "run: this executable was disposed; compile the program again");
        checkFeeds(parts.inputs, feeds);
        return parts.run(feeds);
      });
      last = result.catch(() => {});
      return result;
    },
    dispose() {
      disposal ??= last.then(() => parts.dispose());
      return disposal;
    },
  };
}

/** The executables of one backend. They end when the backend does. */
export interface OwnedExecutables {
  /** @throws PptError DISPOSED after `dispose` */
  requireLive(): void;
  /** Owns an executable until it is disposed. Give callers the returned one. */
  add<E extends Executable>(executable: E): E;
  /** Disposes all of them. A second call does nothing. */
  dispose(): Promise<void>;
}

/** @param backend what the error calls the backend, as in "this CPU backend" */
export function ownExecutables(backend: string): OwnedExecutables {
  const live = new Set<Executable>();
  let disposed = false;
  return {
    requireLive() {
      if (disposed) throw new PptError("DISPOSED", `compile: this ${backend} was disposed; create another`);
    },
    add(executable) {
      live.add(executable);
      const dispose = async () => {
        await executable.dispose();
        live.delete(executable);
      };
      return { ...executable, dispose };
    },
    async dispose() {
      disposed = true;
      await Promise.all([...live].map((executable) => executable.dispose()));
      live.clear();
    },
  };
}

/** @throws PptError INVALID_INPUT unless every input is fed with its shape; -1 stands for any batch of at least 1. */
export function checkFeedShapes(
  inputs: CompileOptions["inputs"],
  feeds: Readonly<Record<string, { shape: Shape }>>,
): void {
  checkArgument("run", "feeds", feeds, object);
  for (const [name, shape] of Object.entries(inputs)) {
    const feed = feeds[name];
    if (!feed) throw new PptError("INVALID_INPUT", `run: input '${name}' ${showShape(shape)} is missing`);
    if (!Array.isArray(feed.shape))
      throw new PptError(
        "INVALID_INPUT",
        `run: input '${name}' is ${found(feed)}, expected a tensor ${showShape(shape)}`,
      );
    const fits =
      feed.shape.length === shape.length &&
      shape.every((n, i) => n === feed.shape[i] || (n === -1 && feed.shape[i]! > 0));
    if (!fits)
      throw new PptError(
        "INVALID_INPUT",
        `run: input '${name}' is ${showShape(feed.shape)}, expected ${showShape(shape)}`,
      );
  }
}

/** @throws PptError INVALID_INPUT unless the feeds have the inputs' shapes and the values to fill them. */
function checkFeeds(inputs: CompileOptions["inputs"], feeds: Tensors<HostTensor>): void {
  checkFeedShapes(inputs, feeds);
  for (const name of Object.keys(inputs)) {
    const { shape, data } = feeds[name]!;
    checkArgument("run", `input '${name}'`, feeds[name], hostTensorCheck);
    if (data.length !== sizeOf(shape))
      throw new PptError(
        "INVALID_INPUT",
        `run: input '${name}' has ${data.length} values for shape ${showShape(shape)}`,
      );
  }
}
