import { it } from "vitest";
import { describeConformance } from "./describe-conformance.js";
import { useSoftwareVulkan } from "./webgpu.js";

if (useSoftwareVulkan())
  describeConformance("ONNX Runtime, WebGPU, single operations", { device: "webgpu" }, ["primitive:", "composite:"]);
// In CI conformance-webgpu.test.ts fails where no driver is found.
else it.skip("needs a Vulkan driver to test with (Debian's chromium and libvulkan1)");
