import type { Preset } from "./preset.js";

/** `ppt-vit calibrate --search` found these settings for the demo model (benchmarks/results/searched.ndjson). */
export const searched: Preset = {
  name: "searched",
  title: "Searched",
  about: "found for the demo model by ppt-vit calibrate: less than half of the computation",
  reduction: {
    layers: [2, 6],
    tokensRemoved: [111, 33],
    policy: ["diffrate", "ppt"],
    threshold: [null, "pool"],
    score: "class",
  },
  demoOnly: true,
};
