import { describeConformance } from "./describe-conformance.js";

describeConformance("ONNX Runtime, wasm", { device: "wasm" });
