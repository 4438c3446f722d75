/** What can be chosen, for help and menus: names and what they mean. */
import { augmentations as allAugmentations } from "./augmentations/index.js";
import { losses as allLosses } from "./losses/index.js";
import { optimizers as allOptimizers } from "./optimizers/index.js";
import { subsets as allSubsets } from "./subsets/index.js";

/** One value of an option. */
export interface Choice {
  readonly name: string;
  readonly description: string;
}

const described = (list: readonly Choice[]): readonly Choice[] =>
  list.map(({ name, description }) => ({ name, description }));

/** What answers can be compared with: `loss`. */
export const losses: readonly Choice[] = /* @__PURE__ */ described(allLosses);
/** What can be trained: `train`. */
export const subsets: readonly Choice[] = /* @__PURE__ */ described(allSubsets);
/** How weights are changed: `optimizer`. */
export const optimizers: readonly Choice[] = /* @__PURE__ */ described(allOptimizers);
/** How training pictures vary: `augmentation`. */
export const augmentations: readonly Choice[] = /* @__PURE__ */ described(allAugmentations);
