/** `compile` for eager backends, which execute each operation when the program calls it. */

import { callProgram, checkProgram, makeExecutable } from "./executable.js";
import type { CompileOptions, Executable, HostTensor, Ops, Program, Tensor } from "./seam.js";

/** What an eager backend provides for one compiled program. */
export interface EagerSession<T extends Tensor> {
  readonly ops: Ops<T>;
  upload(host: HostTensor): T;
  /** Copies a result to the host. The array belongs to the caller. */
  download(x: T): Promise<HostTensor>;
  /** Called after each run, once its outputs are read or it has failed. */
  endRun(): void;
  /** Frees parameters, constants and buffers. */
  dispose(): void;
}

/**
 * An executable that calls `program` in every run. Parameters are uploaded once. Runs wait in a queue, one at a time.
 * @throws PptError INVALID_INPUT, INVALID_SHAPE or INVALID_OPTION if the program or its options are malformed
 */
export function compileEager<T extends Tensor>(
  session: EagerSession<T>,
  program: Program,
  options: CompileOptions,
): Executable {
  checkProgram(program, options);
  const { params, inputs } = options;
  const uploaded = Object.fromEntries(Object.entries(params).map(([name, host]) => [name, session.upload(host)]));
  return makeExecutable({
    inputs,
    async run(feeds) {
      try {
        const outputs = session.ops.scope("program", () => {
          const fed = Object.fromEntries(Object.keys(inputs).map((name) => [name, session.upload(feeds[name]!)]));
          return callProgram(program, session.ops, uploaded, fed);
        });
        const read = Object.entries(outputs).map(async ([name, x]) => [name, await session.download(x)] as const);
        return Object.fromEntries(await Promise.all(read));
      } finally {
        session.endRun();
      }
    },
    dispose: () => session.dispose(),
  });
}

/** The tensors in a scope's result, which is a tensor, or arrays and plain objects of tensors. */
export function collectTensors<T extends Tensor>(value: unknown, isTensor: (value: unknown) => value is T): T[] {
  if (isTensor(value)) return [value];
  if (typeof value !== "object" || value === null) return [];
  return Object.values(value).flatMap((part) => collectTensors(part, isTensor));
}
