/** Tests models whose parameters are not in the file: the runtime takes them from arrays in memory. */
import { createOnnxBackend, type OnnxDevice, traceProgram } from "@ppt-vit/backend-onnx";
import { hostTensor, type Program } from "@ppt-vit/core";
import * as ort from "onnxruntime-node";
import { expect, it } from "vitest";

const weight = hostTensor([48, 32], (i) => Math.sin(i));
const bias = hostTensor([48], (i) => i / 48);
const table = hostTensor([1, 1, 32], (i) => Math.cos(i));
const linear: Program = (ops, { weight, bias, table }, { x }) => ({
  y: ops.linear(ops.add(x!, table!), weight!, bias),
  alone: ops.matMul(x!, ops.transpose(weight!, [1, 0])),
});
const options = {
  params: { weight, bias, table },
  inputs: { x: [-1, 5, 32] },
  fusion: { contrib: false, attention: false },
};

async function outputsOf(weights: "inside" | "beside") {
  const { bytes, beside } = traceProgram(linear, { ...options, weights });
  const session = await ort.InferenceSession.create(bytes, { externalData: [...beside] });
  const x = Float32Array.from({ length: 2 * 5 * 32 }, (_, i) => Math.sin(0.3 * i));
  const { y, alone } = await session.run({ x: new ort.Tensor("float32", x, [2, 5, 32]) });
  await session.release();
  return { y: y!.data, alone: alone!.data };
}

it("gives the same bits", async () => {
  expect(await outputsOf("beside")).toEqual(await outputsOf("inside"));
});

it("copies no weight of a linear layer, and keeps what is small in the file", () => {
  const { beside, bytes } = traceProgram(linear, { ...options, weights: "beside", outputs: ["y"] });
  expect(beside.map(({ data }) => data.buffer)).toEqual([weight.data.buffer]);
  expect(beside[0]!.data).toHaveLength(weight.data.byteLength);
  expect(bytes.length).toBeLessThan(2000);
  expect(traceProgram(linear, options).beside).toEqual([]);
});

it.each<OnnxDevice>(["cpu", "wasm"])("on %s keeps apart the weights of models that open at once", async (device) => {
  const backend = await createOnnxBackend({ device });
  const product: Program = (ops, { w }, { x }) => ({ y: ops.linear(x!, w!) });
  const resultFor = async (value: number) => {
    const executable = await backend.compile(product, {
      params: { w: hostTensor([32, 32], () => value) },
      inputs: { x: [-1, 32] },
    });
    return (await executable.run({ x: hostTensor([1, 32], () => 1) })).y!.data[0];
  };
  expect(await Promise.all([1, 2, 3, 4].map(resultFor))).toEqual([32, 64, 96, 128]);
  await backend.dispose();
});
