import { describe, expect, it } from "vitest";
import { describeConformance } from "./describe-conformance.js";
import { useSoftwareVulkan } from "./webgpu.js";

const found = useSoftwareVulkan();

describe("WebGPU in Node", () => {
  it.skipIf(!process.env.CI && !found)("has a Vulkan driver to test with (Debian's chromium and libvulkan1)", () => {
    expect(found).toBe(true);
  });
});

// Slow on a software driver, so in two files that run side by side: the other cases are in operations-webgpu.test.ts.
if (found) describeConformance("ONNX Runtime, WebGPU", { device: "webgpu" }, ["golden:", "model:", "lifecycle:"]);
