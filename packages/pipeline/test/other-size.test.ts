/** Tests settings of a plain ViT for pictures of another size, whose code is loaded on demand. Nothing here may load it before. */
import type { ReductionConfig } from "@ppt-vit/core";
import { modelFingerprint } from "@ppt-vit/core/loading";
import { expect, it } from "vitest";
import { fromPretrained, readCheckpoint } from "../src/index.js";

it("opens a plain ViT at another size with settings that name their checkpoint", async () => {
  const { config, weights } = await readCheckpoint("demo");
  const model = { name: "demo", fingerprint: modelFingerprint(config, weights) };
  const reduction: ReductionConfig = { layers: [3], tokensRemoved: 50, threshold: "pool", model };
  const classifier = await fromPretrained("demo", { backend: "cpu", imageSize: 256, reduction });
  expect(classifier.tokens).toEqual([257, 207]);
  await classifier.dispose();
});
