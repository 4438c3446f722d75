import type { Preset } from "./preset.js";

export const strong: Preset = {
  name: "strong",
  title: "Strong",
  about: "removes half of the tokens in each stage",
  reduction: { tokensRemoved: { share: 0.5 } },
};
