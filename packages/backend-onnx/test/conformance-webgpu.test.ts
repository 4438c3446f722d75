import { tinyConfig } from "@ppt-vit/conformance";
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

if (found)
  describeConformance("ONNX Runtime, WebGPU", { device: "webgpu" }, () => {
    // Here, because the suite has compiled these shaders already.
    it("launches each kernel that is counted, and no other", async () => {
      const { bytes, kernels } = onGpu(tinyConfig, {
        layers: [0, 1, 2],
        tokensRemoved: 3,
        threshold: { scaleFree: 0.6 },
      });
      expect(await launched(bytes, tinyConfig)).toEqual(kernels.byOperator);
    });
  });
