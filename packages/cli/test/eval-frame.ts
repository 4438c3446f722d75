/** The parts of an evaluation's result that do not follow from its pictures. */
import type { EvalSettings } from "../src/commands/eval/types.js";

export const fingerprint = (digit: string) => digit.repeat(64);

export const settings: EvalSettings = {
  model: { name: "./here", fingerprint: fingerprint("f") },
  backend: "cpu",
  reduction: { layers: [3], tokensRemoved: 50, threshold: "pool" },
  agreement: true,
  batch: 4,
  dataset: { path: "./data", pictures: 10, fingerprint: fingerprint("d") },
  limit: null,
  decoding: { firstFrame: false, maxPixels: null },
};

export const frame = {
  shard: null,
  settings,
  tokens: [17, 9],
  gmacs: { unreduced: 2, reduced: 1 },
  labels: ["a", "b", "<c>", "d"],
};
