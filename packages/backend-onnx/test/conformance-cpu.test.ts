import { describeConformance } from "./describe-conformance.js";

describeConformance("ONNX Runtime, native CPU", { device: "cpu" });
describeConformance("ONNX Runtime, native CPU, decomposed attention", { device: "cpu", attention: "decomposed" });
