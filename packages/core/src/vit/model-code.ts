/**
 * The code of models, as far as it is here. That of a plain ViT always is. All others share `other-models.ts`, which is loaded with the
 * first checkpoint that needs it: a page that names pictures by a ViT does without it.
 */
import { PptError } from "../errors.js";
import { loadedCode } from "../lazy-code.js";
import type { VisionModelConfig } from "./config.js";
import { vit } from "./families/vit.js";
import type { AnyFamily } from "./family.js";

type OtherModels = typeof import("./other-models.js");

const plain: readonly AnyFamily[] = [vit];
let others: OtherModels | undefined;

/** From now on every model can be read and run. */
export function knowOtherModels(code: OtherModels): void {
  others = code;
}

/** @throws PptError DOWNLOAD_FAILED if the code cannot be loaded */
export async function loadOtherModels(): Promise<void> {
  if (!others) knowOtherModels(await loadedCode(import(/* lazy */ "./other-models.js")));
}

/** What plain ViTs do without. @throws PptError INVALID_CONFIG if nothing has loaded it */
export function otherModels(): OtherModels {
  if (others) return others;
  throw new PptError(
    "INVALID_CONFIG",
    "config: the code of this model is not loaded: read its config.json by loadConfigReader(), or take this function from '@ppt-vit/core'",
  );
}

/** All families whose code is here. */
const knownFamilies = (): readonly AnyFamily[] => others?.families ?? plain;

/** What `make` makes of the families whose code is here. It is made again when there are more. */
export function ofFamilies<T>(make: (families: readonly AnyFamily[]) => T): () => T {
  let last: { families: readonly AnyFamily[]; made: T } | undefined;
  return () => {
    const families = knownFamilies();
    if (last?.families !== families) last = { families, made: make(families) };
    return last.made;
  };
}

/** Whether `model_type` is that of a plain ViT. */
export const isPlainType = (type: unknown): boolean => typeof type === "string" && Object.hasOwn(vit.modelTypes, type);

/** Whether the model computes nothing that plain ViTs do not. */
export const isPlainConfig = ({
  stem,
  depth,
  rotary,
  pooling,
  attentionPool,
  positionGrid,
}: VisionModelConfig): boolean =>
  !stem && !depth && !rotary && pooling !== "attention" && attentionPool === undefined && !positionGrid;

const plainName =
  /^((vit|deit)\.)?(embeddings\.((cls|distillation)_token|position_embeddings|patch_embeddings\.projection\.(weight|bias))|(encoder\.layer\.\d+\.(attention\.attention\.(query|key|value)|attention\.output\.dense|layernorm_(before|after)|(intermediate|output)\.dense)|layernorm|pooler\.dense)\.(weight|bias))$|^((cls|distillation)_)?classifier\.(weight|bias)$/;
const plainStart =
  /^((vit|deit)\.)?(embeddings\.cls_token|encoder\.layer\.0\.(attention\.attention\.query|layernorm_before|intermediate\.dense)\.weight)$/;

/** Whether tensors are those of a whole plain ViT, as transformers names them: no other family's names, prefixes or heads apply. */
export const arePlainNames = (names: readonly string[]): boolean =>
  names.every((name) => plainName.test(name)) && names.filter((name) => plainStart.test(name)).length === 4;
