import type { Preset } from "./preset.js";

export const paper: Preset = {
  name: "paper",
  title: "Paper",
  about: "the model's own settings: those of the paper where it has none",
  reduction: {},
};
