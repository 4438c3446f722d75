/** `npm test` compares the policy with its reference, and classifies a picture with the demo model. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createCpuBackend } from "@ppt-vit/backend-cpu";
import { policyConformanceCases } from "@ppt-vit/conformance";
import { describeReduction } from "@ppt-vit/core";
import { demoSamplesUrl } from "@ppt-vit/demo-model";
import { fromPretrained } from "@ppt-vit/pipeline";
import { novelty, noveltyReference } from "./novelty.js";

const cases = await policyConformanceCases({
  create: async () => createCpuBackend(),
  policy: novelty,
  reference: noveltyReference,
});
describe("conformance", () => {
  assert.ok(cases.length > 0);
  for (const { name, skip, run } of cases) it(name, { skip }, run);
});

it("reduces the demo model, which still sees the dog", async () => {
  const classifier = await fromPretrained("demo", { reduction: { policy: novelty, tokensRemoved: 30 } });
  try {
    assert.deepEqual(classifier.tokens, [197, 167, 137, 107]);
    assert.equal(describeReduction(classifier.reduction), "novelty in blocks 3, 6, 9, 30 tokens each");
    assert.ok(classifier.gmacs.reduced < 0.8 * classifier.gmacs.unreduced);
    const { labels, stages } = await classifier.classify(new URL("000_dog.png", demoSamplesUrl));
    assert.equal(labels[0].label, "dog");
    assert.deepEqual(
      stages.map(({ policy }) => policy),
      ["prune", "prune", "prune"],
    );
  } finally {
    await classifier.dispose();
  }
});

it("says what is missing", async () => {
  const { mostRemovable: _, ...incomplete } = novelty;
  await assert.rejects(fromPretrained("demo", { reduction: { policy: incomplete } }), {
    code: "INVALID_REDUCTION",
    message: /mostRemovable is missing, expected a function/,
  });
});
