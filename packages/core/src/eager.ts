/** compile() for backends that execute each operation at once. */

import { callProgram, checkProgram, makeExecutable } from "./executable.js";
import type { CompileOptions, Executable, HostTensor, Ops, Program, Tensor } from "./seam.js";

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

/** The tensors in what a scope returned: a tensor, or arrays and plain objects of them. */
export function collectTensors<T extends Tensor>(value: unknown, isTensor: (value: unknown) => value is T): T[] {
  if (isTensor(value)) return [value];
  if (typeof value !== "object" || value === null) return [];
  return Object.values(value).flatMap((part) => collectTensors(part, isTensor));
}
