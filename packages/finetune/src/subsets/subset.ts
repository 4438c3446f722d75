/** The interface of a choice of what is trained. Each is one file here, listed in `index.ts`. */
import type { VisionModelConfig } from "@ppt-vit/core";

export interface SubsetSettings {
  readonly config: VisionModelConfig;
  /** How many blocks at the end. */
  readonly blocks: number;
  /** The first block that removes tokens. Undefined without a reduction. */
  readonly firstStage: number | undefined;
}

export interface Subset {
  readonly name: string;
  readonly description: string;
  /** The learning rate that is taken if none is given. */
  readonly learningRate: number;
  /** Whether a parameter of the program is trained. Those without a place in the checkpoint never are. */
  trains(name: string, settings: SubsetSettings): boolean;
}

/** A layer that makes the answer from what the last block gives. */
export const isHead = (name: string): boolean =>
  /^(head|distillationHead|denseHead|projection|norm|attentionPool)\./.test(name);

/** Norms and biases. Weight decay leaves them alone. */
export const isSmall = (name: string): boolean => name.endsWith(".bias") || /(^|\.)\w*[nN]orm\d?\.weight$/.test(name);
