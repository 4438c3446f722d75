import { createCpuBackend } from "@ppt-vit/backend-cpu";
import { createOnnxBackend } from "@ppt-vit/backend-onnx";
import { tinyConfig } from "@ppt-vit/conformance";
import { type Backend, createVisionModel, hostTensor, randomWeights, weightsFrom } from "@ppt-vit/core";
import { describe, expect, it } from "vitest";
import { describeConformance } from "./describe-conformance.js";
import { launched, onGpu } from "./kernels.js";
import { useSoftwareVulkan } from "./webgpu.js";

const found = useSoftwareVulkan();

describe("WebGPU in Node", () => {
  it.skipIf(!process.env.CI && !found)("has a Vulkan driver to test with (Debian's chromium and libvulkan1)", () => {
    expect(found).toBe(true);
  });
});

// The browser's tests run all golden cases on this provider, whose kernels are the same.
const golden = ["golden: adaptive", "golden: each image"];
const cases = ["primitive:", "composite:", "model", "lifecycle:", "misuse:", ...golden];

if (found) {
  const more = () => {
    // Here, because the suite has compiled these shaders already.
    it("launches each kernel that is counted, and no other", async () => {
      const { bytes, kernels } = onGpu(tinyConfig, {
        layers: [0, 1, 2],
        tokensRemoved: 3,
        threshold: { scaleFree: 0.6 },
      });
      expect(await launched(bytes, tinyConfig)).toEqual(kernels.byOperator);
    });

    // Then no score is above what excludes pairs, and all ranks are ties. The scale-free variance of such scores is just above 1.
    it.each([
      ["prune", 0.5],
      ["pool", 2],
    ] as const)("%ss images whose scores are all 0", async (action, scaleFree) => {
      // The last third of these weights and biases makes the values.
      const weights = Object.entries(randomWeights(tinyConfig, 1)).map(([name, { shape, data }]) => {
        const isKept = (i: number) => !name.includes("qkv") || 3 * i < 2 * data.length;
        return [name, hostTensor(shape, (i) => (isKept(i) ? data[i]! : 0))] as const;
      });
      const shape = [2, tinyConfig.channels, ...tinyConfig.imageSize];
      const pixelValues = hostTensor(shape, (i) => Math.sin(i * i)).data;
      async function resultOf(backend: Backend) {
        const model = await createVisionModel({
          config: tinyConfig,
          weights: weightsFrom(Object.fromEntries(weights)),
          reduction: { layers: [0, 1, 2], tokensRemoved: 3, threshold: { scaleFree } },
          outputs: { source: true },
          backend,
        });
        const { stages, source } = await model.run({ pixelValues, batch: 2 });
        return { actions: stages.flatMap(({ policies }) => policies), source };
      }
      const expected = await resultOf(await createCpuBackend());
      expect(new Set(expected.actions)).toEqual(new Set([action]));
      expect(await resultOf(await createOnnxBackend({ device: "webgpu" }))).toEqual(expected);
    });
  };
  describeConformance("ONNX Runtime, WebGPU", { device: "webgpu" }, more, cases);
}
