/**
 * The interface of a reduction policy, which decides the output row of each token in a stage. This file has only types, and
 * all other files of the folder may import it. Each policy is one file in `policies/`. `registry.ts` lists them.
 */
import type { Observation, Ops, Tensor } from "../seam.js";

/**
 * What happened to one image in one stage. `prune` dropped tokens, `pool` averaged similar tokens, and `fuse` summed the
 * removed tokens into one.
 */
export type Action = "prune" | "pool" | "fuse";

/** One stage: a block that reduces tokens, with the numbers that a policy's formulas need. */
export interface ReductionStage<StageSettings extends object = object> {
  /** Number of the block, from 0. */
  readonly layer: number;
  /** Number of blocks in the model. */
  readonly depth: number;
  /** Tokens that enter, protected ones included. */
  readonly tokensIn: number;
  /** Tokens that leave, protected ones included. */
  readonly tokensOut: number;
  /** `tokensIn - tokensOut`, at least 1. */
  readonly removed: number;
  /** Number of tokens at the front (class, distillation, registers) that are never scored, matched or removed. */
  readonly protectedTokens: number;
  /** The policy's own settings for this stage, as its `stageSettings` returns them. */
  readonly settings: StageSettings;
}

/** The significance score of each token, and the variance of the scores (paper, sections 3.2 and 3.3). */
export interface Significance<T extends Tensor> {
  /** [B, N]. Scores of unprotected tokens sum to 1, protected tokens score 0. Always float32. */
  readonly scores: T;
  /** [B, 1], unbiased variance of the scores of unprotected tokens. Always float32. */
  readonly variance: T;
}

/** What a policy sees of a batch. */
export type PolicyInput<T extends Tensor> = Significance<T> & Pick<Observation<T>, "classAttention" | "keys">;

/** What a policy decides about a batch of B images with N tokens each. */
export interface Destinations<T extends Tensor> {
  /** [B, N], the output row of each token. A token whose row is `tokensOut` or more is dropped. */
  readonly destination: T;
  /** [B, 1] bool, true if the image is pooled, false if it is pruned. Required if the stage's action is `byImage`. */
  readonly pools?: T | undefined;
  /** [B, N, 1], weights with which the tokens of a row are added up. Default: the mean weighted by size. */
  readonly weights?: T | undefined;
}

/** A setting of one policy. Users write it beside `layers` and `tokensRemoved` in the reduction settings. */
export interface PolicySetting<Value> {
  /** Completes the sentence "NAME must be ...". */
  readonly expected: string;
  /**
   * The checked value, in a form that JSON can hold. Returns undefined if `value` is not valid. `value` is undefined if the
   * user left the setting out.
   */
  parse(value: unknown): Value | undefined;
  /** The value as text for people, such as `scale-free 2.69`. */
  describe(value: Value): string;
}

/** A strategy to reduce tokens, with everything that other code needs to know about it. */
export interface ReductionPolicy<Settings extends object = object, StageSettings extends object = Settings> {
  /** The name that users write in `reduction.policy` and on the command line. */
  readonly name: string;
  /** The name that plots and tables show. */
  readonly title: string;
  /** What the policy does, for help texts: a sentence without its subject and its full stop. */
  readonly description: string;
  /** Colour in plots, `#rrggbb`. The policies of this package use Okabe and Ito's palette, and then Tol's "muted" one. */
  readonly colour: string;
  /** The policy's own settings. Default: none. */
  readonly settings?: { readonly [Name in keyof Settings]: PolicySetting<Settings[Name]> };
  /** Whether proportional attention is used if the reduction settings do not say (paper, section 3.4). */
  readonly proportionalAttention: boolean;
  /** Whether its authors reduce in every block. Comparisons then do the same. Default: false. */
  readonly inEveryBlock?: boolean;
  /** The most tokens that one stage can remove. A stage that is asked for more removes this number. */
  mostRemovable(tokens: number, protectedTokens: number): number;
  /** The settings of one stage, worked out from the user's. Default: the user's settings unchanged. */
  stageSettings?(
    settings: Settings,
    stage: Pick<ReductionStage, "layer" | "tokensIn" | "protectedTokens">,
  ): StageSettings;
  /** What a stage does to every image. `byImage`: `Destinations.pools` decides for each image. */
  action(settings: StageSettings): Action | "byImage";
  /**
   * The variance of the scores at which the action on an image changes. Undefined if there is none. Inputs near it are not
   * used to verify a model, because rounding may decide either way.
   */
  decidesAt?(settings: StageSettings): number | undefined;
  /**
   * Multiply-accumulates of the decision, for keys of `keySize` channels (those of one head). The product that averages the
   * tokens is not included. Default: 0.
   */
  macs?(stage: ReductionStage<StageSettings>, keySize: number): number;
  /**
   * Prepares one stage of a model with `heads` heads. Returns the function that decides about a batch. Whatever depends on
   * shapes alone, such as a constant table, is made before that function is returned. The function is pure and computes only
   * with `ops`.
   */
  destinations(
    stage: ReductionStage<StageSettings>,
    heads: number,
  ): <T extends Tensor>(ops: Ops<T>, input: PolicyInput<T>) => Destinations<T>;
}
