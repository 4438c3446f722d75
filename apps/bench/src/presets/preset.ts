/** A preset is a reduction with a name. It is one file of this folder and one line of index.ts. */
import type { ReductionConfig } from "@ppt-vit/core";

export interface Preset {
  readonly name: string;
  readonly title: string;
  /** What it does, in a few words. */
  readonly about: string;
  /** What is not set is the model's own setting. */
  readonly reduction: Partial<ReductionConfig>;
  /** Found for the demo model: other models have other blocks and pictures. */
  readonly demoOnly?: boolean;
}
