/** Whether a checkpoint can be used for a task, and what it can be used for instead. */
import { PptError } from "@ppt-vit/core";
import type { CheckpointSettings } from "../checkpoint/checkpoint.js";
import { tasks } from "./registry.js";
import type { AnyTask } from "./task.js";

/** @throws PptError INVALID_OPTION if the checkpoint lacks what the task needs. The message names the tasks that it suits. */
export function requireSuited(task: Pick<AnyTask, "lacks">, checkpoint: CheckpointSettings): void {
  const lacking = task.lacks(checkpoint);
  if (lacking === undefined) return;
  throw new PptError("INVALID_OPTION", `${checkpoint.name}: has no ${lacking}: ${loadInstead(checkpoint)}`);
}

/** Names what a checkpoint can be used for: `load it with task 'depth-estimation' (ppt-vit depth)`. */
export function loadInstead(checkpoint: CheckpointSettings): string {
  const suited = tasks.filter(({ lacks }) => lacks(checkpoint) === undefined);
  return `load it with task ${suited.map(({ name, command }) => `'${name}' (ppt-vit ${command})`).join(" or ")}`;
}
