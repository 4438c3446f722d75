/** Tests a user's own policy in a whole model: loaded, verified, exported, and refused where functions cannot be sent. */
import { exportOnnx, inspectOnnx } from "@ppt-vit/backend-onnx";
import type { ReductionConfig } from "@ppt-vit/core";
import { describe, expect, it } from "vitest";
import { ownPolicy } from "../../core/test/own-policy.js";
import { createClassifierWorker } from "../src/browser/worker.js";
import { type Calibration, fromPretrained, readCheckpoint, reductionDocument, type Trial } from "../src/index.js";

const own = ownPolicy();
const reduction: ReductionConfig = { layers: [3], tokensRemoved: 60, policy: own };

describe("a policy of one's own", () => {
  it("is run by fromPretrained, verified, and merged with the model's schedule", async () => {
    const classifier = await fromPretrained("demo", {
      backend: "onnx-cpu",
      reduction: { policy: own, tokensRemoved: 60 },
      verify: true,
    });
    expect(classifier.tokens).toEqual([197, 137, 77, 17]);
    expect(classifier.verification).toMatchObject({ against: "cpu backend" });
    const { stages } = await classifier.classify(new URL("../../demo-model/samples/000_dog.png", import.meta.url));
    expect(stages.map(({ policy }) => policy)).toEqual(["prune", "prune", "prune"]);
    await classifier.dispose();
  });

  it("is not sent to a worker", async () => {
    const sent: unknown[] = [];
    const worker = {
      postMessage: (message: unknown) => void sent.push(message),
      addEventListener() {},
      terminate() {},
    };
    const { fromPretrained } = createClassifierWorker(worker as unknown as Worker);
    await expect(fromPretrained("org/model", { reduction: { policy: own } })).rejects.toMatchObject({
      code: "INVALID_REDUCTION",
      message: expect.stringMatching(
        /'own', and functions cannot be sent to a worker: write a policy's name, such as 'ppt'/,
      ),
    });
    expect(sent).toEqual([]);
    void fromPretrained("org/model", { reduction: { policy: "tome" } });
    await expect.poll(() => sent.length).toBe(1);
  });

  it("is exported, and its name recorded", async () => {
    const { config, weights } = await readCheckpoint("demo");
    const { metadata, bytes } = exportOnnx({ config, weights, reduction });
    expect(metadata.reduction).toEqual({ layers: [3], tokensRemoved: 60, policy: "own" });
    expect(inspectOnnx(bytes).export).toEqual(metadata);
  });

  it("is no content of a reduction.json", () => {
    const trial = { reduction, gmacs: 1, pictures: 1, loss: 0, losses: [0], divergences: [0] };
    expect(() => reductionDocument({} as Calibration, trial as unknown as Trial, { gmacs: 1 })).toThrow(
      expect.objectContaining({
        code: "INVALID_REDUCTION",
        message: expect.stringMatching(/can only name the policies/),
      }),
    );
  });
});
