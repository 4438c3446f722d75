/** The answers, one for each task. To add one, write its file and list it here. */
import type { TaskName } from "@ppt-vit/pipeline/browser";
import type { AnswerKind } from "./answer.js";
import { depth } from "./depth.js";
import { labels } from "./labels.js";
import { similar } from "./similar.js";

export const answers: readonly AnswerKind[] = [labels, depth, similar];

/** The answers that a checkpoint with these tasks can give. */
export const answersOf = (tasks: readonly TaskName[]): readonly AnswerKind[] =>
  answers.filter(({ task }) => tasks.includes(task));
