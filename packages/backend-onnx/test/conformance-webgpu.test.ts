import { describeConformance } from "./describe-conformance.js";

describeConformance("ONNX Runtime, WebGPU", { device: "webgpu" });
