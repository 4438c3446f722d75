/** How many bytes a model's weights take in each precision, from its configuration alone. */
import { requireConfig } from "../arguments.js";
import { checkArgument, oneOf } from "../options.js";
import type { Shape } from "../seam.js";
import { sizeOf } from "../shape.js";
import { type WeightDtypeName, weightDtypeNames, weightDtypes } from "../weight-dtypes/index.js";
import type { LinearPlace, WeightDtype } from "../weight-dtypes/weight-dtype.js";
import { pooledLayers } from "./attention-pool.js";
import type { VisionModelConfig } from "./config.js";
import { namesOfRandomWeights } from "./find-names.js";
import { type Names, tensorName } from "./names.js";
import { weightShapes } from "./random-weights.js";

const bytesOfFloat = 4;

/** `weightBytes`, for models whose code is here: see at-once.ts. */
export function weightBytes(config: VisionModelConfig, dtype: WeightDtypeName): number {
  requireConfig("weightBytes", config);
  checkArgument("weightBytes", "dtype", dtype, oneOf(weightDtypeNames), "INVALID_OPTION");
  const { bytes }: WeightDtype = weightDtypes.find(({ name }) => name === dtype)!;
  const names = namesOfRandomWeights(config);
  return Object.entries(weightShapes(config))
    .filter(([name]) => !name.includes(".running_"))
    .reduce((sum, [name, shape]) => {
      const place = linearPlace(names, name, shape);
      const [O = 1, ...inputs] = shape;
      return sum + (bytes && place ? bytes(O, sizeOf(inputs), place) : bytesOfFloat * sizeOf(shape));
    }, 0);
}

/** Where the linear layer stands whose weight this tensor is; undefined for a tensor that stays in floats. */
function linearPlace(names: Names, tensor: string, shape: Shape): LinearPlace | undefined {
  if (tensor === `${names.patchEmbedding}.weight`) return "patchEmbedding";
  if (shape.length !== 2) return undefined;
  if (tensor.startsWith(`${names.blocks}.`)) return "block";
  const pool = names.attentionPool;
  if (pool && pooledLayers.some((part) => tensor === `${tensorName(pool[part])}.weight`)) return "block";
  const heads = [names.head, names.distillationHead, names.denseHead, names.projection];
  return heads.some((head) => tensor === `${head}.weight`) ? "head" : undefined;
}
