/** Shares of the classes in a picture, from its label. */

/** [B, classes]: 1 - smoothing for the label, and smoothing spread evenly over all classes (Szegedy et al., arXiv 1512.00567). */
export function targetsOf(labels: readonly number[], classes: number, smoothing: number): Float32Array {
  const targets = new Float32Array(labels.length * classes).fill(smoothing / classes);
  for (const [i, label] of labels.entries()) targets[i * classes + label]! += 1 - smoothing;
  return targets;
}
