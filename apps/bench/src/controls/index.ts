/** The controls beside the result, from top to bottom. To add one, write its file and list it here. */
import type { Control } from "./control.js";
import { model } from "./model.js";
import { picture } from "./picture.js";
import { reduction } from "./reduction.js";

export const controls: readonly Control[] = [picture, reduction, model];
