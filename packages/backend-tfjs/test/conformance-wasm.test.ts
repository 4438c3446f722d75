import { engine, memory } from "@tensorflow/tfjs-core";
import { describeConformance } from "./describe-conformance.js";

describeConformance(
  "TensorFlow.js, wasm",
  { device: "wasm" },
  () => memory().numTensors + engine().backend.numDataIds(),
);
