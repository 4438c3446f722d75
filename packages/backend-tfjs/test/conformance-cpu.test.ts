import { memory } from "@tensorflow/tfjs-core";
import { describeConformance } from "./describe-conformance.js";

describeConformance("TensorFlow.js, cpu", { device: "cpu" }, () => memory().numTensors);
// All but LV-ViT, whose dense images take this engine 10 s a case, and which asks for no other operations than T2T-ViT and DeiT.
const all = [
  ...["primitive:", "composite:", "golden:", "golden model:", "golden family: t2t", "model:"],
  ...["lifecycle:", "misuse:", "policy:", "policies:"],
];
describeConformance(
  "TensorFlow.js, cpu, default decompositions",
  { device: "cpu", decomposed: true },
  () => memory().numTensors,
  all,
);
