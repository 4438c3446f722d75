/** The fastest matrix product that ONNX Runtime reaches on this machine: the ceiling for everything else. */
import { traceProgram } from "@ppt-vit/backend-onnx";
import { hostTensor } from "@ppt-vit/core";
import * as ort from "onnxruntime-node";

const size = 2048;
const repeats = 12;

/** GFLOP/s of the fastest of a few 2048-cube products, `threads` threads. */
export async function measurePeakMatmul(threads) {
  const weight = hostTensor([size, size], (i) => Math.sin(i));
  const { bytes } = traceProgram((ops, { weight }, { x }) => ({ y: ops.matMul(x, weight) }), {
    params: { weight },
    inputs: { x: [size, size] },
    fusion: { contrib: false, attention: false },
  });
  const session = await ort.InferenceSession.create(bytes, { intraOpNumThreads: threads });
  const feeds = { x: new ort.Tensor("float32", weight.data, [size, size]) };
  let fastestMs = Number.POSITIVE_INFINITY;
  for (let i = 0; i < repeats; i++) {
    const start = performance.now();
    await session.run(feeds);
    fastestMs = Math.min(fastestMs, performance.now() - start);
  }
  await session.release();
  return (2 * size ** 3) / fastestMs / 1e6;
}
