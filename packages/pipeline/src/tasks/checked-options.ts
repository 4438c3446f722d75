/** Checks the options of `fromPretrained` and of a model's methods. Names of other libraries get advice. */
import { PptError } from "@ppt-vit/core";
import { type Checks, check, checkOptions, object } from "@ppt-vit/core/options";
import { decodeChecks } from "../pictures/options.js";
import { type BatchOptions, batchChecks, type ModelOptions, modelChecks } from "./options.js";
import { type OptionsOf, type TaskName, taskNamed, tasks } from "./registry.js";
import type { AnyTask } from "./task.js";

type Advice = Readonly<Record<string, string>>;

/** Advice for names that users of transformers.js write. */
const foreign: Advice = {
  device: "write backend, as in { backend: 'onnx-webgpu' }, 'onnx-wasm', 'onnx-cpu' or 'auto'",
  quantized: "write dtype: 'q8'",
  session_options: "write { backend: await createOnnxBackend({ sessionOptions }) }",
  subfolder: "files are read from the top of the repository",
  model_file_name: "the file is model.safetensors",
  config: "config.json is read from the checkpoint",
  use_external_data_format: "weights are read from model.safetensors and its shards",
  timeout: "write timeoutMs",
  layers: "write reduction: { layers }",
  tokensRemoved: "write reduction: { tokensRemoved }",
  threshold: "write reduction: { threshold }",
  policy: "write reduction: { policy }",
};

/** Advice for options of `fromPretrained` that are given to a method. */
const ofLoading: Advice = {
  backend: "give it to fromPretrained()",
  device: "give backend to fromPretrained()",
  reduction: "give it to fromPretrained()",
};

/** `classify(), embed() or features()` */
const calls = (names: readonly string[]): string =>
  names
    .map((name) => `${name}()`)
    .join(", ")
    .replace(/, ([^,]*)$/, " or $1");

/** Advice for options of methods that are given to `fromPretrained`. */
function ofMethods(): Advice {
  const methods = new Map<string, string[]>();
  const add = (option: string, ...names: readonly string[]) =>
    methods.set(option, [...(methods.get(option) ?? []), ...names]);
  for (const task of tasks)
    for (const [name, { options }] of Object.entries(task.methods)) {
      for (const option of Object.keys(options)) add(option, name);
      for (const option of Object.keys(batchChecks))
        if (!(option in modelChecks)) add(option, option in decodeChecks ? name : `${name}All`);
    }
  for (const option of Object.keys(decodeChecks)) add(option, "decodeImage");
  const advice: Record<string, string> = {};
  for (const [option, names] of methods) {
    // As Python and transformers.js write it.
    advice[option.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)] =
      `write ${option}, and give it to ${calls(names)}`;
    advice[option] = `give it to ${calls(names)}`;
  }
  return { ...advice, batch_size: `write batch, and ${advice.batch}` };
}

/** Advice for options of other tasks. */
const ofOthers = (task: AnyTask): Advice =>
  Object.fromEntries(
    tasks
      .filter((other) => other !== task)
      .flatMap(({ name, options }) => Object.keys(options).map((option) => [option, `it is for task '${name}'`])),
  );

const taskCheck = check(`one of ${tasks.map(({ name, title }) => `'${name}' (${title})`).join(", ")}`, (value) =>
  tasks.some(({ name }) => name === value),
);

/** The options of `fromPretrained`. @throws PptError INVALID_OPTION */
export function pretrainedOptions<Name extends TaskName>(options: OptionsOf<Name> | undefined): OptionsOf<Name> {
  const where = "fromPretrained";
  const given: unknown = options;
  let task: AnyTask;
  try {
    task = taskNamed(object.holds(given) ? (given as { task?: unknown }).task : undefined);
  } catch (cause) {
    throw new PptError("INVALID_OPTION", `${where}: options cannot be read`, { cause });
  }
  const checks = { ...modelChecks, task: taskCheck, ...task.options };
  return checkOptions(where, given as ModelOptions, checks, {
    misnamed: { ...ofMethods(), ...foreign, ...ofOthers(task) },
  }) as OptionsOf<Name>;
}

/** The options of a call of `method`. @throws PptError INVALID_OPTION */
export function methodOptions(task: AnyTask, method: string, options: BatchOptions | undefined): BatchOptions {
  const checks: Checks<BatchOptions> = { ...batchChecks, ...task.methods[method]!.options };
  const ofTask = Object.keys(task.options).map((option) => [option, "give it to fromPretrained()"]);
  return checkOptions(method, options, checks, {
    misnamed: { batch_size: "write batch", ...ofLoading, ...Object.fromEntries(ofTask) },
  });
}
