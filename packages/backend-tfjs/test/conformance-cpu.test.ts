import { memory } from "@tensorflow/tfjs-core";
import { describeConformance } from "./describe-conformance.js";

describeConformance("TensorFlow.js, cpu", { device: "cpu" }, () => memory().numTensors);
describeConformance(
  "TensorFlow.js, cpu, default decompositions",
  { device: "cpu", decomposed: true },
  () => memory().numTensors,
);
