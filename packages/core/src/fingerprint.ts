/** Which checkpoint settings were made for: a short name for its weights. */

import { requireConfig, requireWeights } from "./arguments.js";
import type { VisionModelConfig } from "./vit/config.js";
import type { WeightSource } from "./vit/stored-names.js";
import { readParameters } from "./vit/weights.js";

/** Values that are looked at in each parameter, spread evenly over it. */
const samples = 256;

/**
 * Sixteen hexadecimal digits that tell checkpoints apart, not forgers: FNV-1a over shapes and a sample of the values of
 * all parameters but the positions, which follow the resolution. Weights stored in another precision are another
 * checkpoint.
 * @throws PptError INVALID_WEIGHTS, INVALID_INPUT
 */
export function modelFingerprint(config: VisionModelConfig, weights: WeightSource): string {
  requireConfig("modelFingerprint", config);
  requireWeights("modelFingerprint", weights);
  // Two 32-bit hashes from different starts: integers of 64 bits would be slow.
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
