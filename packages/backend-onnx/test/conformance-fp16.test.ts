import { describeConformance } from "./describe-conformance.js";

describeConformance("ONNX Runtime, native CPU, half precision", { device: "cpu", dtype: "fp16" });
