/** A policy as a user would write it, for tests of the policy interface: it always drops the last tokens. */
import { hostTensor, mostDroppable, type ReductionPolicy } from "../src/policy.js";

export const ownPolicy = (changes: Partial<ReductionPolicy> = {}): ReductionPolicy => ({
  name: "own",
  title: "drop the last",
  description: "drops the last tokens",
  colour: "#123456",
  proportionalAttention: false,
  mostRemovable: mostDroppable,
  action: () => "prune",
  destinations({ tokensIn: N }) {
    const inOrder = hostTensor([1, N], (j) => j);
    // A row for each image: 0 for every token, plus the position.
    return (ops, { scores }) => ({ destination: ops.add(ops.mul(scores, 0), ops.constant(inOrder)) });
  },
  ...changes,
});
