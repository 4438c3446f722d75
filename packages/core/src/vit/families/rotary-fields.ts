/** What the families with rotary positions read alike. */
import type { RotaryPositions, VisionModelConfig } from "../config.js";
import { invalid } from "../fields.js";

/** Requires pairs of channels for both axes in each head. `field` is the file's name of the number of heads. */
export function requireRotaryHeads(
  { hiddenSize, heads }: Pick<VisionModelConfig, "hiddenSize" | "heads">,
  field: string,
): void {
  if ((hiddenSize / heads) % 4 === 0) return;
  invalid(
    `${field} ${heads} leaves ${hiddenSize / heads} channels to a head, and rotary positions need a multiple of 4`,
  );
}

/** The positions of DINOv3. */
export const centredRotary = (theta: number): RotaryPositions => ({
  theta,
  radians: 2 * Math.PI,
  coordinates: "centred",
  pairs: "halves",
});
