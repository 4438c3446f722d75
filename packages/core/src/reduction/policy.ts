/** The seam of a reduction policy: which output row each token of a stage goes to. A new policy is one file beside this. */
import type { Observation, Ops, Tensor } from "../backend.js";
import type { ReductionStage } from "./schedule.js";
import type { Significance } from "./significance.js";

/** What happened to one image in one stage. */
export type Policy = "prune" | "pool" | "fuse";

/** What a policy may look at. */
export type PolicyInput<T extends Tensor> = Significance<T> & Pick<Observation<T>, "classAttention" | "keys">;

export interface Destinations<T extends Tensor> {
  /** [B, N], the output row that each token is averaged into; from row `tokensOut` on it is dropped. */
  readonly destination: T;
  /** [B, 1] bool, true where the image is pooled; left out where all images share one policy. */
  readonly pools?: T | undefined;
  /** [B, N, 1], what each token is multiplied by before its row is added up; left out for the mean weighted by size. */
  readonly weights?: T | undefined;
}

export interface ReductionPolicy {
  /** What every image is reported as; `byThreshold` where the policy decides image by image. */
  readonly does: Policy | "byThreshold";
  /** Proportional attention where the settings do not say. */
  readonly proportionalAttention: boolean;
  /** Most tokens that one stage can remove. */
  mostRemovable(tokens: number, protectedTokens: number): number;
  /** Whether tokens are compared with each other, which costs tokensIn^2 products of keys. */
  readonly comparesTokens: boolean;
  destinations(
    stage: ReductionStage,
    heads: number,
  ): <T extends Tensor>(ops: Ops<T>, input: PolicyInput<T>) => Destinations<T>;
}

/** Dropping tokens leaves the protected ones and one other. */
export const mostDroppable = (tokens: number, protectedTokens: number): number =>
  Math.max(0, tokens - protectedTokens - 1);
