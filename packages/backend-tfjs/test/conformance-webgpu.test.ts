import { memory } from "@tensorflow/tfjs-core";
import { describe, expect, it } from "vitest";
import { describeConformance } from "./describe-conformance.js";
import { useWebGpu } from "./webgpu.js";

const found = await useWebGpu();

describe("WebGPU in Node", () => {
  it.skipIf(!process.env.CI && !found)("has a Vulkan driver to test with (Debian's chromium and libvulkan1)", () => {
    expect(found).toBe(true);
  });
});

// A whole model takes half a second to several on a software driver. The browser's tests run the other golden cases on this engine.
const golden = ["golden: adaptive", "golden: each image"];
const cases = ["primitive:", "composite:", ...golden, "lifecycle: c", "lifecycle: m", "lifecycle: t"];
if (found) describeConformance("TensorFlow.js, WebGPU in Node", { device: "webgpu" }, () => memory().numTensors, cases);
