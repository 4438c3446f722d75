/** Opens a checkpoint whose pictures have sizes of their own. Few checkpoints need this file. */

import { defaultDtype, tokenCount, type VisionModelConfig } from "@ppt-vit/core";
import { prepareVisionProgram, weightBytes } from "@ppt-vit/core/on-demand";
import { resolveReduction } from "../checkpoint/reduction.js";
import { compile, compileVerified, type Opened, type Wanted } from "./compile.js";
import { manySizes } from "./many-sizes.js";
import type { ModelOptions } from "./options.js";

/** The models of a checkpoint whose pictures have sizes of their own. They keep hold of the weights. */
export async function openMany(wanted: Wanted, options: ModelOptions): Promise<Opened> {
  const { checkpoint, backend: _, ...settings } = wanted;
  const { config, weights } = checkpoint;
  // The first model is compiled when the first picture comes. What is wrong with the weights is found now.
  const { plan } = prepareVisionProgram({ config, weights, ...settings });
  const first = options.verify ? await compileVerified(wanted, options) : undefined;
  const bytes = weightBytes(config, options.dtype ?? defaultDtype);
  return {
    models: manySizes(config, bytes, (sized) => compile(atSize(wanted, sized, options), sized, options), first?.model),
    tokens: [tokenCount(config), ...plan.stages.map(({ tokensOut }) => tokensOut)],
    verification: first?.verification,
  };
}

/** The same with the reduction for pictures of another size: a default depends on the number of patches. */
const atSize = (wanted: Wanted, config: VisionModelConfig, { reduction }: ModelOptions): Wanted => ({
  ...wanted,
  reduction: resolveReduction({ ...wanted.checkpoint, config }, reduction),
});
