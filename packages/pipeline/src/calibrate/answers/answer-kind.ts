/** What a model answers, and how far the answers of two models lie apart. One kind of answer is one file here, listed in `index.ts`. */
import type { VisionModelConfig, VisionOutput } from "@ppt-vit/core";
import type { CalibrationTarget } from "../trial.js";

export interface AnswerKind {
  /** As `Calibration.answers` and `reduction.json` name it. */
  readonly name: string;
  /** What the divergence is and its unit, for plots and error messages. */
  readonly divergence: string;
  /** What settings must keep if no target is named. */
  readonly usualTarget: CalibrationTarget;
  /** Whether this is what a model of this configuration answers. */
  fits(config: VisionModelConfig): boolean;
  /** The answer about one picture of a batch, a copy. */
  answerOf(output: VisionOutput, row: number): Float32Array;
  /** How far the reduced model's answer lies from the unreduced one's: 0 if they are equal, else more. */
  divergenceOf(unreduced: Float32Array, reduced: Float32Array): number;
  /** What the loss is, for plots. */
  readonly loss: string;
  /**
   * What the search makes small: like the divergence, but no single picture dominates its mean, so that a few dozen pictures tell
   * settings apart (docs/decisions/0029-search.md).
   */
  lossOf(unreduced: Float32Array, reduced: Float32Array): number;
  /** Whether two answers say the same to a user. Left out where that cannot be told: then no disagreements are counted. */
  same?(unreduced: Float32Array, reduced: Float32Array): boolean;
}
