/**
 * The seam of a reduction policy: which output row each token of a stage goes to. Types only, below everything else in this
 * folder. Each policy is one file in `policies/`, and `registry.ts` lists them.
 */
import type { Observation, Ops, Tensor } from "../seam.js";

/** What happened to one image in one stage: tokens were dropped, averaged with similar ones, or summed into one. */
export type Action = "prune" | "pool" | "fuse";

/** One reducing block, with the numbers that its formulas need. */
export interface ReductionStage<StageSettings extends object = object> {
  /** The block, counted from 0, and how many blocks the model has. */
  readonly layer: number;
  readonly depth: number;
  /** Tokens that enter and leave, protected ones included. */
  readonly tokensIn: number;
  readonly tokensOut: number;
  /** `tokensIn - tokensOut`, at least 1. */
  readonly removed: number;
  /** The first tokens of the sequence (class, distillation, registers): never scored, matched or removed. */
  readonly protectedTokens: number;
  /** The policy's own settings for this stage, as its `stageSettings` gives them. */
  readonly settings: StageSettings;
}

/** How much each token matters, and how unevenly (paper, sections 3.2 and 3.3). */
export interface Significance<T extends Tensor> {
  /** [B, N], summing to 1 over the unprotected tokens; 0 for protected ones. Always float32. */
  readonly scores: T;
  /** [B, 1], unbiased variance of the unprotected tokens' scores. Always float32. */
  readonly variance: T;
}

/** What a policy may look at. */
export type PolicyInput<T extends Tensor> = Significance<T> & Pick<Observation<T>, "classAttention" | "keys">;

/** What a policy decides. */
export interface Destinations<T extends Tensor> {
  /** [B, N], the output row that each token is averaged into; from row `tokensOut` on it is dropped. */
  readonly destination: T;
  /** [B, 1] bool, true where the image is pooled, else it is pruned; left out where all images share one action. */
  readonly pools?: T | undefined;
  /** [B, N, 1], what each token is multiplied by before its row is added up; left out for the mean weighted by size. */
  readonly weights?: T | undefined;
}

/** A setting that belongs to one policy, and stands beside `layers` and `tokensRemoved` in the reduction. */
export interface PolicySetting<Value> {
  /** Completes "must be ...". */
  readonly expected: string;
  /** The value in a form that JSON can hold; undefined where `value` is none. Gets undefined where the setting is left out. */
  parse(value: unknown): Value | undefined;
  /** In a line for people: `scale-free 2.69`. */
  describe(value: Value): string;
}

/** A way to reduce tokens, with everything that others need to know about it. */
export interface ReductionPolicy<Settings extends object = object, StageSettings extends object = Settings> {
  /** As in `reduction.policy` and on the command line. */
  readonly name: string;
  /** As in plots and tables. */
  readonly title: string;
  /** One sentence, for help texts. */
  readonly description: string;
  /** Of its dots in plots: `#rrggbb`. The policies of this package have colours of Okabe and Ito's palette. */
  readonly colour: string;
  /** Settings that only this policy has. Default: none. */
  readonly settings?: { readonly [Name in keyof Settings]: PolicySetting<Settings[Name]> };
  /** Proportional attention where the settings do not say (paper, section 3.4). */
  readonly proportionalAttention: boolean;
  /** Whether its authors apply it in every block instead of a few, so that it is compared like that. Default false. */
  readonly inEveryBlock?: boolean;
  /** Most tokens that one stage can remove. Stages that are asked for more remove this number. */
  mostRemovable(tokens: number, protectedTokens: number): number;
  /** The settings as one stage needs them, from what was written. Default: as written. */
  stageSettings?(
    settings: Settings,
    stage: Pick<ReductionStage, "layer" | "tokensIn" | "protectedTokens">,
  ): StageSettings;
  /** What a stage does to every image; `byImage` where `pools` of the destinations says it for each. */
  action(settings: StageSettings): Action | "byImage";
  /**
   * The variance of the scores at which the action on an image changes, where there is one. Inputs near it are not used to
   * verify a model, because rounding may decide either way.
   */
  decidesAt?(settings: StageSettings): number | undefined;
  /**
   * Multiply-accumulates of deciding, for keys of `keySize` channels (one head's); the product that averages the tokens
   * is not part of it. Default 0.
   */
  macs?(stage: ReductionStage<StageSettings>, keySize: number): number;
  /**
   * Prepares one stage of a model with `heads` heads, and returns the program that decides for a batch. Everything that
   * depends on shapes alone belongs in front of the returned function. The program is pure and uses nothing but `ops`.
   */
  destinations(
    stage: ReductionStage<StageSettings>,
    heads: number,
  ): <T extends Tensor>(ops: Ops<T>, input: PolicyInput<T>) => Destinations<T>;
}
