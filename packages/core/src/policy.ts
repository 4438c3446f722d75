/**
 * `@ppt-vit/core/policy`, for authors of reduction policies: the interface of a policy, the parts that policies are made of,
 * and the reference implementations that the conformance suite compares them with.
 */

export { hostTensor } from "./host-tensor.js";
export { bipartiteMatching, matchingMacs, mostMergeable } from "./reduction/matching.js";
export type {
  Action,
  Destinations,
  PolicyInput,
  PolicySetting,
  ReductionPolicy,
  ReductionStage,
  Significance,
} from "./reduction/policy.js";
export { attentionRank, mostDroppable } from "./reduction/ranking.js";
export {
  cosine,
  descending,
  highest,
  matchedRows,
  mergedRows,
  type PolicyReference,
  type ReferenceRow,
  type SeenTokens,
  type Vector,
} from "./reduction/reference.js";
export { policies, policyReferences } from "./reduction/registry.js";
export { significance } from "./reduction/significance.js";
export type { HostTensor, Ops, Picks, Shape, Tensor } from "./seam.js";
