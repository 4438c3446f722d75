/** The learning rate of each step. */

export interface ScheduleSettings {
  readonly learningRate: number;
  /** Share of the steps in which the rate rises from 0. */
  readonly warmUp: number;
  /** All steps of the run. */
  readonly steps: number;
}

/** What is left of the learning rate at the end. */
const least = 0.01;

/** Rises in a line, then falls along a cosine to a hundredth. `step` counts from 0. */
export function learningRateAt(step: number, { learningRate, warmUp, steps }: ScheduleSettings): number {
  const rising = Math.round(warmUp * steps);
  if (step < rising) return (learningRate * (step + 1)) / rising;
  const share = (step - rising) / Math.max(1, steps - rising);
  return learningRate * (least + (1 - least) * 0.5 * (1 + Math.cos(Math.PI * share)));
}
