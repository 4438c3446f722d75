/** All choices of what is trained. To add one, write a file here and list it. */
import { all } from "./all.js";
import { lastBlocks } from "./last-blocks.js";
import { norms } from "./norms.js";
import { reduced } from "./reduced.js";
import type { Subset } from "./subset.js";

/** All choices of what is trained. */
export const subsets: readonly Subset[] = [norms, reduced, lastBlocks, all];
