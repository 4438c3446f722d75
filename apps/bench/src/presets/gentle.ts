import type { Preset } from "./preset.js";

export const gentle: Preset = {
  name: "gentle",
  title: "Gentle",
  about: "removes 15 % of the tokens in each stage",
  reduction: { tokensRemoved: { share: 0.15 } },
};
