/** The graphs that the ONNX benchmarks measure, opened as sessions of ONNX Runtime's native CPU provider. */
import { readFileSync } from "node:fs";
import { traceProgram } from "@ppt-vit/backend-onnx";
import { modelCost, prepareVisionProgram, publishedReduction } from "@ppt-vit/core";
import * as ort from "onnxruntime-node";
import { randomModel } from "./geometries.mjs";

/**
 * Standard operators that run anywhere, as `ppt-vit export --portable` writes them and ONNX Runtime fuses them by itself;
 * or what the backend runs on a CPU, with ONNX Runtime's own attentions and Gelu, TopK and LpNormalization.
 */
const written = { contrib: false, attention: false };
const fused = { contrib: true, attention: true, projectedAttention: true, forCpu: true };

/** Published settings; with random weights the variances lie near the threshold, so both policies are computed. */
export const contenders = {
  // What torch.onnx.export gives for transformers' model: all rows in the last block.
  plain: { outputs: { lastHiddenState: true }, fusion: written },
  unreduced: { fusion: written },
  ppt: { reduction: publishedReduction, fusion: written },
  "unreduced, fused operators": { fusion: fused },
  "ppt, fused operators": { reduction: publishedReduction, fusion: fused },
};

function trace({ reduction, outputs = {}, fusion }, { config, weights }) {
  const { program, params, inputs } = prepareVisionProgram({ config, weights, reduction, outputs });
  return traceProgram(program, { params, inputs, fusion, outputs: ["logits"] });
}

/** The unreduced model as an ordinary export writes it. */
export const tracePlain = (model) => trace(contenders.plain, randomModel(model)).bytes;

/**
 * `{ session, feeds, facts }` of a contender, or of the ONNX file that "plain, from file" names; `sessionOptions` are
 * added to those of every benchmark.
 */
export async function openContender({ model, batch, threads, contender, file }, sessionOptions = {}) {
  const start = performance.now();
  const geometry = randomModel(model);
  const fromFile = contender === "plain, from file";
  const { bytes, nodes } = fromFile ? { bytes: readFileSync(file) } : trace(contenders[contender], geometry);
  const reduction = contenders[contender]?.reduction;
  const tracedMs = performance.now() - start;
  const sessionStart = performance.now();
  const session = await ort.InferenceSession.create(bytes, {
    intraOpNumThreads: threads,
    ...sessionOptions,
  });
  const loadMs = performance.now() - sessionStart;
  const pixels = Float32Array.from(
    { length: batch * 3 * 224 * 224 },
    (_, i) => Math.sin(i * 0.01) + 0.3 * Math.sin(i * 0.37),
  );
  const feeds = { pixel_values: new ort.Tensor("float32", pixels, [batch, 3, 224, 224]) };
  const facts = { nodes, bytes: bytes.length, tracedMs, loadMs, gmacs: modelCost(geometry.config, reduction).gmacs };
  return { session, feeds, facts };
}
