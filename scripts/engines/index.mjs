/**
 * What runs jobs of `ppt-vit`, as users run it. Each has `name`, `lacks()` (what must be installed first, or undefined) and
 * `check(bench)`, which throws if the engine does not do what its example in `examples/engines` promises. To add one, import it and
 * list it here.
 */
import { bullmq } from "./bullmq.mjs";
import { container } from "./container.mjs";
import { kubernetes } from "./kubernetes.mjs";
import { parallel } from "./parallel.mjs";
import { search } from "./search.mjs";
import { slurm } from "./slurm.mjs";

export const engines = [slurm, parallel, kubernetes, container, bullmq, search];
