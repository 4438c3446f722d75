/** All augmentations. To add one, write a file here and list it. */
import type { Augmentation } from "./augmentation.js";
import { corners } from "./corners.js";
import { crop } from "./crop.js";
import { flip } from "./flip.js";
import { none } from "./none.js";

/** All ways in which training pictures vary. */
export const augmentations: readonly Augmentation[] = [none, flip, corners, crop];
