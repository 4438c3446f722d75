/** The presets, in the order in which the page shows them. To add one, write its file and list it here. */
import { gentle } from "./gentle.js";
import { paper } from "./paper.js";
import type { Preset } from "./preset.js";
import { searched } from "./searched.js";
import { strong } from "./strong.js";

export const presets: readonly Preset[] = [gentle, paper, strong, searched];
