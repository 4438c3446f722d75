/** The fastest matrix product that ONNX Runtime reaches on this machine: the ceiling for everything on its CPU. */
import { hostTensor, isPptError } from "@ppt-vit/core";
import { createBackend } from "@ppt-vit/pipeline";

const size = 2048;
const repeats = 8;

/** GFLOP/s of the fastest of a few 2048-cube products; null where onnxruntime-node is not installed. */
export async function measurePeakMatmul(): Promise<number | null> {
  const backend = await createBackend("onnx-cpu").catch((error: unknown) => {
    if (isPptError(error) && error.code === "BACKEND_UNAVAILABLE") return null;
    throw error;
  });
  if (!backend) return null;
  const x = hostTensor([size, size], (i) => Math.sin(i));
  // One number is read back instead of 4 million.
  const executable = await backend.compile(
    (ops, { x: weight }, { x }) => ({ y: ops.max(ops.max(ops.matMul(x!, weight!), 1), 0) }),
    { params: { x }, inputs: { x: [size, size] } },
  );
  let fastestMs = Number.POSITIVE_INFINITY;
  for (let i = 0; i < repeats; i++) {
    const start = performance.now();
    await executable.run({ x });
    fastestMs = Math.min(fastestMs, performance.now() - start);
  }
  await backend.dispose();
  return (2 * size ** 3) / fastestMs / 1e6;
}
