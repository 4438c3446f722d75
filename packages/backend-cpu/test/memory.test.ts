import { createCpuBackend } from "@ppt-vit/backend-cpu";
import { tinyConfig } from "@ppt-vit/conformance";
import { createVisionModel, randomWeights, weightsFrom } from "@ppt-vit/core";
import { describe, expect, it } from "vitest";
import { Arena } from "../src/arena.js";
import { heldBytes } from "./held-bytes.js";

describe("Arena", () => {
  it("reuses what a scope made and did not return", () => {
    const arena = new Arena();
    const { kept, dropped } = arena.scope(
      () => ({ kept: arena.take(8), dropped: arena.take(8) }),
      (result) => [result.kept],
    );
    const next = arena.take(8);
    expect(next).toBe(dropped);
    expect(next).not.toBe(kept);
    expect(arena.take(8)).not.toBe(kept);
  });

  it("hands what an inner scope returned to the outer one", () => {
    const arena = new Arena();
    const inner = arena.scope(
      () => {
        const value = arena.scope(
          () => arena.take(4),
          (result) => [result],
        );
        expect(arena.take(4)).not.toBe(value);
        return value;
      },
      () => [],
    );
    const reused = [arena.take(4), arena.take(4)];
    expect(reused).toContain(inner);
  });

  it("gives everything back when a body throws", () => {
    const arena = new Arena();
    let taken: Float32Array | undefined;
    const failing = () =>
      arena.scope(
        () => {
          taken = arena.take(3);
          throw new Error("no");
        },
        () => [],
      );
    expect(failing).toThrow("no");
    expect(arena.take(3)).toBe(taken);
  });

  it("forgets, at the end of a run, what that run had no use for", () => {
    const arena = new Arena();
    arena.take(1000);
    arena.endRun();
    expect(arena.bytes).toBe(4000);
    arena.take(10);
    arena.endRun();
    expect(arena.bytes).toBe(40);
  });
});

describe("memory", () => {
  it("does not grow over 200 runs", async () => {
    const model = await createVisionModel({
      config: tinyConfig,
      weights: weightsFrom(randomWeights(tinyConfig, 1)),
      backend: createCpuBackend(),
      reduction: { layers: [0, 1], tokensRemoved: 3, threshold: { scaleFree: 0.6 } },
    });
    const pixelValues = new Float32Array(8 * 3 * 20 * 12).fill(0.5);
    for (let run = 0; run < 5; run++) await model.run({ pixelValues, batch: 8 });
    const before = await heldBytes();
    for (let run = 0; run < 200; run++) await model.run({ pixelValues, batch: 8 });
    // The activations of one run are over 100 KB, so losing them in every run would show as 20 MB.
    expect((await heldBytes()) - before).toBeLessThan(2 ** 20);
  });
});
