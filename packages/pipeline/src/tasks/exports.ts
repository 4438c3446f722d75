/** What an export of a checkpoint is for. */
import { type ExportOutput, exportOutputsOf, PptError } from "@ppt-vit/core";
import type { Checkpoint } from "../checkpoint/checkpoint.js";
import type { CheckpointNeeds } from "../checkpoint/parse.js";
import { type TaskName, taskNamed, tasks } from "./registry.js";

/** The names of all tasks, the default first. */
export const taskNames: readonly TaskName[] = tasks.map(({ name }) => name as TaskName);

/** What an export for `task` needs of a checkpoint. Undefined stands for all tasks. */
export const exportNeeds = (task: TaskName | undefined): CheckpointNeeds => (task ? taskNamed(task).needs : {});

/**
 * The outputs that an export needs for `task`. Undefined stands for all tasks that the checkpoint can be used for.
 * @throws PptError INVALID_OPTION if the checkpoint cannot be used for the task
 */
export function outputsForTask({ name, config }: Checkpoint, task: TaskName | undefined): readonly ExportOutput[] {
  const all = exportOutputsOf(config);
  if (task === undefined) return all;
  const outputs = all.filter((output) => taskNamed(task).exports.includes(output));
  if (outputs.length > 0) return outputs;
  const others = tasks.filter(({ exports }) => exports.some((output) => all.includes(output)));
  throw new PptError(
    "INVALID_OPTION",
    `${name}: has no ${taskNamed(task).exports.join(" or ")}, which task '${task}' needs: export it for ${others.map(({ name }) => `'${name}'`).join(" or ")}`,
  );
}

/** A server's model answers one kind of request: a classifier classifies, and other models do what they can. */
export function firstTaskOf({ config }: Checkpoint): TaskName {
  const outputs = exportOutputsOf(config);
  return tasks.find(({ exports }) => exports.some((output) => outputs.includes(output)))!.name as TaskName;
}
