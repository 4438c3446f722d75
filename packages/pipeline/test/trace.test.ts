/** Tests `trace: true`, which reports where each patch of a picture went. */
import { fileURLToPath } from "node:url";
import { demoSamplesUrl } from "@ppt-vit/demo-model";
import { fromPretrained } from "@ppt-vit/pipeline";
import { describe, expect, it } from "vitest";

const sample = fileURLToPath(new URL("000_dog.png", demoSamplesUrl));

describe.each(["cpu", "onnx-cpu"])("a trace on %s", (backend) => {
  it("follows pruned and merged patches through all stages", async () => {
    const layers = [3, 6, 9];
    const policies: string[] = [];
    for (const threshold of ["prune", "pool", 1e-3] as const) {
      const classifier = await fromPretrained("demo", { backend, trace: true, reduction: { layers, threshold } });
      const { stages, image } = await classifier.classify(sample);
      await classifier.dispose();
      expect(classifier.patches).toEqual([14, 14]);
      expect([image!.width, image!.height, image!.data.length]).toEqual([224, 224, 3 * 224 * 224]);

      let before = Array.from({ length: 196 }, (_, patch) => patch + 1);
      for (const { tokenOfPatch, tokensIn, tokensOut, policy, scores } of stages) {
        const after = Array.from(tokenOfPatch!);
        policies.push(policy);
        expect(scores!.length).toBe(tokensIn - 1);
        expect(scores!.reduce((a, b) => a + b)).toBeCloseTo(1, 4);
        const kept = new Set(after.filter((token) => token >= 0));
        // Every token except the class token holds a patch.
        expect(kept.size).toBe(tokensOut - 1);
        for (const [patch, token] of after.entries()) {
          expect(token).toBeLessThan(tokensOut);
          if (before[patch] === -1) expect(token).toBe(-1);
          else if (policy === "pool") expect(token).toBeGreaterThan(0);
          // Patches that shared a token still share one.
          expect(after[before.indexOf(before[patch]!)]).toBe(token);
        }
        if (policy === "prune") {
          const dropped = new Set(before.filter((token, patch) => token >= 0 && after[patch] === -1));
          expect(dropped.size).toBe(tokensIn - tokensOut);
          const scoresOf = (tokens: Iterable<number>) => [...tokens].map((token) => scores![token - 1]!);
          const stayed = new Set(before.filter((_, patch) => after[patch]! >= 0));
          expect(Math.max(...scoresOf(dropped))).toBeLessThanOrEqual(Math.min(...scoresOf(stayed)));
        }
        before = after;
      }
    }
    expect(policies.slice(0, 6)).toEqual(["prune", "prune", "prune", "pool", "pool", "pool"]);
  });
});

describe("without a trace", () => {
  it("results hold no maps", async () => {
    const classifier = await fromPretrained("demo");
    const result = await classifier.classify(sample);
    await classifier.dispose();
    expect(result).not.toHaveProperty("image");
    expect(Object.keys(result.stages[0]!)).toEqual(["layer", "tokensIn", "tokensOut", "policy", "variance"]);
  });
});
