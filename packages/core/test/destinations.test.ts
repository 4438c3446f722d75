/** Tests that every path of a stage refuses a policy's results unless they have one row for each image. */
import { createCpuBackend } from "@ppt-vit/backend-cpu";
import { tinyConfig } from "@ppt-vit/conformance";
import {
  createVisionModel,
  hostTensor,
  type Ops,
  type PptErrorCode,
  randomWeights,
  type Tensor,
  weightsFrom,
} from "@ppt-vit/core";
import { describe, expect, it } from "vitest";
import type { Action, Destinations, PolicyInput, ReductionPolicy } from "../src/reduction/policy.js";
import { ownPolicy } from "./own-policy.js";

const [H, W] = tinyConfig.imageSize;

/** Logits of three images under a user's policy. */
async function logitsOf(
  decide: <T extends Tensor>(ops: Ops<T>, input: PolicyInput<T>, tokens: number) => Destinations<T>,
  decomposed: boolean,
  layers: readonly number[],
  action: Action | "byImage" = "prune",
) {
  const policy = ownPolicy({
    action: () => action,
    destinations:
      ({ tokensIn }) =>
      (ops, input) =>
        decide(ops, input, tokensIn),
  });
  return logitsUnder(policy, decomposed, layers);
}

async function logitsUnder(policy: ReductionPolicy, decomposed: boolean, layers: readonly number[]) {
  const backend = createCpuBackend({ decomposed });
  try {
    const model = await createVisionModel({
      config: tinyConfig,
      weights: weightsFrom(randomWeights(tinyConfig, 1)),
      backend,
      reduction: { layers, tokensRemoved: 3, policy },
    });
    const { logits } = await model.run({ pixelValues: hostTensor([3, 3, H, W], (i) => Math.sin(i)).data, batch: 3 });
    return logits.shape;
  } finally {
    await backend.dispose();
  }
}

const inOrder = (N: number) => hostTensor([1, N], (i) => i);

describe.each([false, true])("a policy, decomposed: %s", (decomposed) => {
  // The stage of the last block computes only sizes, the others also tokens.
  describe.each([[[1]], [[2]]])("in blocks %j", (layers) => {
    const refused = (message: RegExp, code: PptErrorCode = "INVALID_SHAPE") => ({
      code,
      message: expect.stringMatching(message),
    });

    it("that decides once for all images is refused", async () => {
      await expect(
        logitsOf((ops, _input, N) => ({ destination: ops.constant(inOrder(N)) }), decomposed, layers),
      ).rejects.toMatchObject(refused(/^policy 'own': destination is float32 \[1,16\], expected .*\[3,16\]/));
    });

    it("whose weights are of one image is refused", async () => {
      await expect(
        logitsOf(
          (ops, { classAttention }, N) => ({
            destination: ops.rankDescending(classAttention),
            weights: ops.reshape(ops.constant(inOrder(N)), [1, N, 1]),
          }),
          decomposed,
          layers,
        ),
      ).rejects.toMatchObject(refused(/weights is float32 \[1,16,1\], expected .*\[3,16,1\]/));
    });

    it("that forgets its destinations is refused", async () => {
      await expect(logitsOf(() => ({}) as never, decomposed, layers)).rejects.toMatchObject(
        refused(/what the program of destinations returned is {}, expected an object { destination }/, "INVALID_INPUT"),
      );
    });

    it.each([[undefined], [null], [Promise.resolve({})]])("that returns %s is refused", async (returned) => {
      await expect(logitsOf(() => returned as never, decomposed, layers)).rejects.toMatchObject(
        refused(/^policy 'own': what the program of destinations returned is/, "INVALID_INPUT"),
      );
    });

    it("that prepares no program is refused", async () => {
      const policy = ownPolicy({ destinations: (async () => () => ({})) as never });
      await expect(logitsUnder(policy, decomposed, layers)).rejects.toMatchObject(
        refused(/policy 'own': destinations is a promise: await it, expected a function/, "INVALID_REDUCTION"),
      );
    });

    it("whose destinations are truths is refused", async () => {
      await expect(
        logitsOf((ops, { scores }) => ({ destination: ops.greater(scores, 0) }), decomposed, layers),
      ).rejects.toMatchObject(refused(/destination is bool, expected numbers in the shape \[3,16\]/, "INVALID_DTYPE"));
    });

    it("whose destinations were never made a tensor is refused", async () => {
      await expect(
        logitsOf((_ops, _input, N) => ({ destination: hostTensor([3, N], (i) => i) as never }), decomposed, layers),
      ).rejects.toMatchObject(refused(/destination is \[3,16\] in host memory.*call constant\(\)/, "INVALID_INPUT"));
    });

    it("that decides for each image and does not say what is refused", async () => {
      await expect(
        logitsOf(
          (ops, { classAttention }) => ({ destination: ops.rankDescending(classAttention) }),
          decomposed,
          layers,
          "byImage",
        ),
      ).rejects.toMatchObject(refused(/pools is undefined, expected bool in the shape \[3,1\]/, "INVALID_INPUT"));
    });

    it("that decides for each image is run", async () => {
      const shape = await logitsOf(
        (ops, { classAttention }) => ({ destination: ops.rankDescending(classAttention) }),
        decomposed,
        layers,
      );
      expect(shape).toEqual([3, 5]);
    });
  });
});
