/** How far logits may lie from recorded ones. */

/**
 * Largest relative difference that is still right, by `capabilities.precision`. Half precision loses three digits, and so do
 * activations of 8 bits beside weights of 8 bits.
 */
export const tolerances = { float32: 1e-3, reduced: 5e-2 };
