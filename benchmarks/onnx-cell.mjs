/**
 * One contender of onnx.mjs, in a process of its own: opens one session, then runs it whenever the parent asks.
 * In: `{ model, batch, threads, contender }` as the first message, then "run" or "finish".
 */
import { traceProgram } from "@ppt-vit/backend-onnx";
import { modelCost, prepareVisionProgram, publishedReduction } from "@ppt-vit/core";
import * as ort from "onnxruntime-node";
import { randomModel } from "./geometries.mjs";

/** Standard operators, which ONNX Runtime fuses by itself; or its own MultiHeadAttention and Gelu. */
const written = { contrib: false, attention: false };
const fused = { contrib: true, attention: true };

/** Published settings; with random weights the variances lie near the threshold, so both policies are computed. */
const contenders = {
  // What torch.onnx.export gives for transformers' model: all rows in the last block.
  plain: { outputs: { lastHiddenState: true }, fusion: written },
  unreduced: { fusion: written },
  ppt: { reduction: publishedReduction, fusion: written },
  "unreduced, fused operators": { fusion: fused },
  "ppt, fused operators": { reduction: publishedReduction, fusion: fused },
};

let session;
let feeds;

async function open({ model, batch, threads, contender }) {
  const start = performance.now();
  const { config, weights } = randomModel(model);
  const { reduction, outputs = {}, fusion } = contenders[contender];
  const { program, params, inputs } = prepareVisionProgram({ config, weights, reduction, outputs });
  const { bytes, nodes } = traceProgram(program, { params, inputs, fusion, outputs: ["logits"] });
  const tracedMs = performance.now() - start;
  const sessionStart = performance.now();
  session = await ort.InferenceSession.create(bytes, {
    intraOpNumThreads: threads,
    // Threads that spin while another contender runs would slow that one.
    extra: { session: { intra_op: { allow_spinning: "0" } } },
  });
  const loadMs = performance.now() - sessionStart;
  const pixels = Float32Array.from(
    { length: batch * 3 * 224 * 224 },
    (_, i) => Math.sin(i * 0.01) + 0.3 * Math.sin(i * 0.37),
  );
  feeds = { pixel_values: new ort.Tensor("float32", pixels, [batch, 3, 224, 224]) };
  return { nodes, bytes: bytes.length, tracedMs, loadMs, gmacs: modelCost(config, reduction).gmacs };
}

async function run() {
  const start = performance.now();
  const { logits } = await session.run(feeds);
  // Readback inside the clock.
  logits.data.at(-1);
  return performance.now() - start;
}

process.on("message", async (message) => {
  if (message === "finish") {
    process.send({ peakMemoryBytes: process.resourceUsage().maxRSS * 1024 }, () => process.exit(0));
  } else process.send(message === "run" ? await run() : await open(message));
});
