import { describe, expect, it } from "vitest";
import { describeConformance } from "./describe-conformance.js";
import { useSoftwareVulkan } from "./webgpu.js";

const found = useSoftwareVulkan();

describe("WebGPU in Node", () => {
  it.skipIf(!process.env.CI && !found)("has a Vulkan driver to test with (Debian's chromium and libvulkan1)", () => {
    expect(found).toBe(true);
  });
});

if (found) describeConformance("ONNX Runtime, WebGPU", { device: "webgpu" });
