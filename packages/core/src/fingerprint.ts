/** A short identifier of a checkpoint's weights, which records the checkpoint that reduction settings were made for. */

import { requireConfig, requireWeights } from "./arguments.js";
import type { VisionModelConfig } from "./vit/config.js";
import type { WeightSource } from "./vit/stored-names.js";
import { readParameters } from "./vit/weights.js";

/** Number of values read from each parameter, spread evenly over it. Remainders may add some. */
const samples = 256;

/** `modelFingerprint`, for models whose code is here: see at-once.ts. */
export function modelFingerprint(config: VisionModelConfig, weights: WeightSource): string {
  requireConfig("modelFingerprint", config);
  requireWeights("modelFingerprint", weights);
  // Two 32-bit hashes with different starts, because 64-bit integers are slow in JavaScript.
  let low = 0x811c9dc5;
  let high = 0x9dc5811c;
  const add = (word: number) => {
    for (let shift = 0; shift < 32; shift += 8) {
      const byte = (word >>> shift) & 0xff;
      low = Math.imul(low ^ byte, 0x01000193);
      high = Math.imul(high ^ byte ^ shift, 0x01000193);
    }
  };
  for (const [name, { shape, data }] of Object.entries(readParameters(weights, config))) {
    if (name === "positions") continue;
    for (const length of shape) add(length);
    const bits = new Uint32Array(data.buffer, data.byteOffset, data.length);
    const step = Math.max(1, Math.floor(bits.length / samples));
    for (let i = 0; i < bits.length; i += step) add(bits[i]!);
  }
  return [high, low].map((hash) => (hash >>> 0).toString(16).padStart(8, "0")).join("");
}
