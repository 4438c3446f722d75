/** All losses. To add one, write a file here and list it. */
import { cosine } from "./cosine.js";
import { crossEntropy } from "./cross-entropy.js";
import { distillation } from "./distillation.js";
import type { Loss } from "./loss.js";
import { mixed } from "./mixed.js";

/** All losses, the default of each kind of model first. */
export const losses: readonly Loss[] = [distillation, crossEntropy, mixed, cosine];
