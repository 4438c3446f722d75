/** The object that users hold: what a model tells of itself, and the methods of its task. */
import { methodOptions } from "./checked-options.js";
import { type BatchOptions, requireInputs } from "./options.js";
import { onlyResult } from "./result.js";
import type { AnyMethod, AnyTask } from "./task.js";

/** The name of the method for many pictures, by that of the method for one. */
export const methodForAll = (method: string): string => `${method}All`;

/** Runs a model on pictures, here or in a worker. Yields a result or a failure for each input, in their order. */
export type Run<Input> = (
  method: string,
  inputs: readonly Input[],
  options: BatchOptions,
) => AsyncGenerator<object, void, unknown>;

/** A model of `task` whose methods check their arguments and then call `run`. */
export function assembleModel<Input>(
  task: AnyTask,
  facts: object,
  run: Run<Input>,
  dispose: () => Promise<void>,
): object {
  const methods = Object.entries(task.methods).map(([name, method]) => methodsOf(task, name, method, run));
  return Object.assign({ ...facts, dispose }, ...methods);
}

function methodsOf<Input>(task: AnyTask, name: string, { single = (result) => result }: AnyMethod, run: Run<Input>) {
  const all = methodForAll(name);
  async function* runAll(inputs: readonly Input[], optionsOf: () => BatchOptions) {
    const options = optionsOf();
    requireInputs(all, inputs);
    yield* run(name, inputs, options);
  }
  const checked = (given: BatchOptions | undefined) => methodOptions(task, name, given);
  return {
    [name]: async (input: Input, given?: BatchOptions) =>
      single(await onlyResult(runAll([input], () => ({ ...checked(given), batch: 1 })))),
    [all]: (inputs: readonly Input[], given?: BatchOptions) => runAll(inputs, () => checked(given)),
  };
}
