/** The tasks that `fromPretrained` knows. To add one, write its file, import it here and add it to `registered`. */
import { depthEstimation } from "./depth-estimation.js";
import { imageClassification } from "./image-classification.js";
import { imageFeatureExtraction } from "./image-feature-extraction.js";
import type { ModelOptions } from "./options.js";
import type { AnyTask, ModelType, Task } from "./task.js";

/** The first is the default. */
const registered = [imageClassification, imageFeatureExtraction, depthEstimation] as const;

type Registered = (typeof registered)[number];

export const tasks: readonly AnyTask[] = registered;

/** A name of a task, as in `fromPretrained(source, { task })`. */
export type TaskName = Registered["name"];
export type DefaultTask = (typeof registered)[0]["name"];

/** The task called `name`. Undefined and unknown names give the default task; `pretrainedOptions` refuses unknown names. */
export const taskNamed = (name: unknown): AnyTask => tasks.find((task) => task.name === name) ?? tasks[0]!;

type Named<Name extends TaskName> = Extract<Registered, { readonly name: Name }>;

type OwnOptionsIn<Found> =
  Found extends Task<string, infer Options, infer _, infer __> ? Omit<Options, keyof ModelOptions | "task"> : never;

/** The options of `fromPretrained` that only this task has. */
export type OwnOptions<Name extends TaskName> = OwnOptionsIn<Named<Name>>;

/** The options of `fromPretrained` for a task. */
export type OptionsOf<Name extends TaskName> = { readonly task?: Name | undefined } & ModelOptions & OwnOptions<Name>;

type TypeOf<Found> = Found extends { readonly type?: infer Type } ? NonNullable<Type> : never;
type WithInput<Type, Input> = Type extends ModelType ? (Type & { readonly input: Input })["model"] : never;

/** The model that `fromPretrained` gives for a task, on a platform whose pictures are `Input`. */
export type ModelOf<Name extends TaskName, Input> = WithInput<TypeOf<Named<Name>>, Input>;
