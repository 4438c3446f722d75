/** `@ppt-vit/finetune`: trains models with their token reduction in the loop. */
export type { Augmentation } from "./augmentations/augmentation.js";
export { augmentations } from "./augmentations/index.js";
export type { TrainingPicture } from "./data/picture.js";
export { type FinetuneResult, finetune } from "./finetune.js";
export { losses } from "./losses/index.js";
export { optimizers } from "./optimizers/index.js";
export type { FinetuneOptions, TrainingSettings } from "./options.js";
export { finetunePage } from "./output/page.js";
export { type Evaluation, type FinetuneProgress, isBetter, type StepRecord } from "./run/progress.js";
export { subsets } from "./subsets/index.js";
