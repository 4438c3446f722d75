/** All families. A `config.json` without `model_type` belongs to the first one, unless another family recognises it. */
import type { AnyFamily } from "../family.js";
import { clip } from "./clip.js";
import { depthAnything } from "./depth-anything.js";
import { dinov2 } from "./dinov2.js";
import { dinov3 } from "./dinov3.js";
import { ijepa } from "./ijepa.js";
import { lvvit } from "./lvvit.js";
import { owlvit } from "./owlvit.js";
import { siglip } from "./siglip.js";
import { t2t } from "./t2t.js";
import { timm } from "./timm.js";
import { vit } from "./vit.js";

export const families: readonly AnyFamily[] = [
  vit,
  dinov2,
  dinov3,
  clip,
  owlvit,
  siglip,
  ijepa,
  depthAnything,
  timm,
  lvvit,
  t2t,
];
