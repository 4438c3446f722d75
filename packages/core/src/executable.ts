/** What all executables share: they check their feeds, run one at a time, and are disposed once. */

import { requireTensor } from "./checked-primitives.js";
import { counted } from "./counted.js";
import { PptError } from "./errors.js";
import { isLazy } from "./lazy-tensor.js";
import { callback, check, checkArgument, checkOptions, found, hostTensorCheck, object } from "./options.js";
import { quantizedProblem } from "./quantized/index.js";
import type { CompileOptions, Executable, HostTensor, Ops, Program, Shape, Tensor, Tensors } from "./seam.js";
import { showShape, sizeOf } from "./shape.js";

/** Lengths of at least 1. A first length of -1 leaves the batch free. */
const inputShape = check("a shape of lengths of at least 1, -1 in front for a free batch", (value) => {
  const isLength = (n: unknown, axis: number) =>
    Number.isInteger(n) && ((n as number) >= 1 || (n === -1 && axis === 0));
  return Array.isArray(value) && Array.from(value).every(isLength);
});

/**
 * Checks the arguments of `compile`, the same way for every backend.
 * @throws PptError INVALID_INPUT if `program` is not a function or a parameter not a tensor; INVALID_OPTION if the options are
 * malformed; INVALID_SHAPE if a parameter does not fill its shape, or an input's shape is malformed
 */
export function checkProgram(program: Program, options: Pick<CompileOptions, "params" | "inputs">): void {
  checkArgument("compile", "program", program, callback);
  checkOptions("compile", options, { params: object, inputs: object }, { required: ["params", "inputs"] });
  for (const [name, host] of Object.entries(options.params)) {
    checkArgument("compile", `parameter '${name}'`, host, hostTensorCheck);
    if (isLazy(host)) continue;
    const problem = host.quantized
      ? quantizedProblem(host.shape, host.quantized)
      : host.data.length !== sizeOf(host.shape) &&
        `has ${counted(host.data.length, "value")} for shape ${showShape(host.shape)}`;
    if (problem) throw new PptError("INVALID_SHAPE", `compile: parameter '${name}' ${problem}`);
  }
  for (const [name, shape] of Object.entries(options.inputs))
    checkArgument("compile", `input '${name}'`, shape, inputShape, "INVALID_SHAPE");
}

/** What a program must return. A promise is refused, because it has no outputs yet. */
const outputsCheck = check(
  "tensors by name, returned at once and not as a promise",
  (value) => object.holds(value) && !callback.holds((value as { readonly then?: unknown }).then),
);

/**
 * Calls a program and checks what it returns.
 * @throws PptError INVALID_INPUT unless it returns tensors by name; whatever the operations that it calls throw
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

/** What a backend provides for one executable. */
export interface ExecutableParts {
  readonly inputs: CompileOptions["inputs"];
  /** Runs once. The feeds are checked. Never called while another run is under way, nor after `dispose`. */
  run(feeds: Tensors<HostTensor>): Promise<Tensors<HostTensor>>;
  /** Frees what the program holds. Called once, when no run is under way. */
  dispose(): void | Promise<void>;
}

/** An executable that checks feeds, queues runs and disposes once around the backend's own `run` and `dispose`. */
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

/** The executables of one backend. Disposing the backend disposes them. */
export interface OwnedExecutables {
  /** @throws PptError DISPOSED after `dispose` */
  requireLive(): void;
  /** Adds an executable, and returns the one to give to callers. It stays owned until it is disposed. */
  add<E extends Executable>(executable: E): E;
  /** Disposes all of them. A second call does nothing. */
  dispose(): Promise<void>;
}

/** @param backend names the backend in errors, as "CPU backend" in "this CPU backend was disposed" */
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

/** @throws PptError INVALID_INPUT unless every input has a feed of its shape. -1 stands for any batch of at least 1. */
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

/** @throws PptError INVALID_INPUT unless the feeds have the inputs' shapes, and values that fill them */
function checkFeeds(inputs: CompileOptions["inputs"], feeds: Tensors<HostTensor>): void {
  checkFeedShapes(inputs, feeds);
  for (const name of Object.keys(inputs)) {
    const { shape, data } = feeds[name]!;
    checkArgument("run", `input '${name}'`, feeds[name], hostTensorCheck);
    if (data.length !== sizeOf(shape))
      throw new PptError(
        "INVALID_INPUT",
        `run: input '${name}' has ${counted(data.length, "value")} for shape ${showShape(shape)}`,
      );
  }
}
