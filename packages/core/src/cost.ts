/** Analytic cost of a model: multiply-accumulates (the paper's "FLOPs") and tokens per block. */
import { requireConfig } from "./arguments.js";
import { answerOf, optionalAmount } from "./reduction/answers.js";
import type { ResolvedReduction, ResolvedStage } from "./reduction/schedule.js";
import type { ReductionConfig } from "./reduction/settings.js";
import { sizeOf } from "./shape.js";
import { patchCount, tokenCount, type VisionModelConfig } from "./vit/config.js";
import { otherModels } from "./vit/model-code.js";
import { resolveFor } from "./vit/plan.js";
import { patchEmbeddingShape, stemMacs } from "./vit/stem.js";

/** The cost of one block for one picture. */
export interface BlockCost {
  readonly layer: number;
  /** Tokens that the attention sees, and tokens that the MLP of the same block sees. */
  readonly attentionTokens: number;
  readonly mlpTokens: number;
  /** Multiply-accumulates of the attention (projections and both products), and of the MLP (all its layers). */
  readonly attentionMacs: number;
  readonly mlpMacs: number;
  /** Multiply-accumulates of the policy's decision and of averaging the tokens. `totalMacs` does not include them. */
  readonly reductionMacs: number;
}

/** The cost of a model for one picture, in multiply-accumulates. */
export interface ModelCost {
  readonly blocks: readonly BlockCost[];
  /** Multiply-accumulates before the blocks (the stem included), and after them: of classifiers, or of a depth head. */
  readonly embeddingMacs: number;
  readonly headMacs: number;
  /**
   * Sum as published tables count it: the last block is counted in full although only the head's rows are computed, and
   * `reductionMacs` are left out.
   */
  readonly totalMacs: number;
  /** `totalMacs` in units of 1e9. DeiT-S 4.60, with PPT 2.94. */
  readonly gmacs: number;
}

/** `modelCost`, for models whose code is here: see at-once.ts. */
export function modelCost(config: VisionModelConfig, reduction?: ReductionConfig | ResolvedReduction): ModelCost {
  requireConfig("modelCost", config);
  const { hiddenSize: C, intermediateSize, heads, layers } = config;
  const { stages } = resolveFor(config, reduction);
  const byLayer = new Map(stages.map((stage) => [stage.layer, stage]));

  let tokens = tokenCount(config);
  const blocks = Array.from({ length: layers }, (_, layer): BlockCost => {
    const N = tokens;
    const stage = byLayer.get(layer);
    if (stage) tokens = stage.tokensOut;
    return {
      layer,
      attentionTokens: N,
      mlpTokens: tokens,
      attentionMacs: 4 * N * C * C + 2 * N * N * C,
      mlpMacs: (config.mlp === "swiglu" ? 3 : 2) * tokens * C * intermediateSize,
      reductionMacs: stage ? reductionMacs(stage, C, C / heads) : 0,
    };
  });
  const embeddingMacs = stemMacs(config) + patchCount(config) * sizeOf(patchEmbeddingShape(config, "flat"));
  const headMacs =
    costOfHead(config, stages.length === 0) +
    (config.depth ? otherModels().depthMacs(config) : 0) +
    (config.pooling === "attention" ? otherModels().poolMacs(config, tokens) : 0);
  const totalMacs = blocks.reduce((sum, block) => sum + block.attentionMacs + block.mlpMacs, embeddingMacs + headMacs);
  return { blocks, embeddingMacs, headMacs, totalMacs, gmacs: totalMacs / 1e9 };
}

/** The policy's decision, and the product that averages the tokens and their sizes. */
const reductionMacs = (stage: ResolvedStage, C: number, keySize: number): number =>
  (answerOf(stage.policy, "macs", () => stage.policy.macs?.(stage, keySize), optionalAmount) ?? 0) +
  stage.tokensOut * stage.tokensIn * (C + 1);

/** The classifier heads, or the projection if there is none. The dense head runs in the unreduced model only. */
function costOfHead(config: VisionModelConfig, unreduced: boolean): number {
  const { hiddenSize: C, labels, pooling, distillationHead, denseHead, projection = 0 } = config;
  if (labels.length === 0) return C * projection;
  const features = pooling === "class+mean" ? 2 * C : C;
  const second = denseHead && unreduced ? patchCount(config) * C : distillationHead ? C : 0;
  return labels.length * (features + second);
}
