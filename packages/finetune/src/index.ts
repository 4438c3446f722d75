/** `@ppt-vit/finetune`: trains models with their token reduction in the loop. */
export { augmentations, type Choice, losses, optimizers, subsets } from "./choices.js";
export type { TrainingPicture } from "./data/picture.js";
export { type FinetuneResult, finetune } from "./finetune.js";
export type { CompleteSettings, FinetuneOptions, TrainingSettings } from "./options.js";
export { finetunePage } from "./output/page.js";
export type { Evaluation, FinetuneProgress, StepRecord } from "./run/progress.js";
