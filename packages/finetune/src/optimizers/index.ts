/** All optimisers. To add one, write a file here and list it. */
import { adamw } from "./adamw.js";
import type { Optimizer } from "./optimizer.js";
import { sgd } from "./sgd.js";

/** All optimisers. */
export const optimizers: readonly Optimizer[] = [adamw, sgd];
