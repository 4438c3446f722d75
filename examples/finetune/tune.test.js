/** `npm test` trains in six steps, and loads what was written. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { it } from "node:test";
import { demoSamplesUrl } from "@ppt-vit/demo-model";
import { fromPretrained } from "@ppt-vit/pipeline";
import { tune } from "./tune.js";

it("comes nearer to the unreduced model, and writes a model that is used as any other", async () => {
  const home = mkdtempSync(join(tmpdir(), "example-finetune-"));
  const out = join(home, "tuned");
  try {
    const { steps, evaluations, chosen } = await tune(out);
    assert.equal(steps.length, 6);
    assert.ok(chosen.distance < evaluations[0].distance);
    const classifier = await fromPretrained(out, { backend: "tfjs-wasm" });
    assert.deepEqual(classifier.tokens, [197, 17]);
    const { labels } = await classifier.classify(new URL("000_dog.png", demoSamplesUrl));
    assert.equal(labels[0].label, "dog");
    await classifier.dispose();
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
});
