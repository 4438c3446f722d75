/** Tests the count of kernels, which a GPU launches. */
import { exportOnnx, inspectOnnx, traceProgram } from "@ppt-vit/backend-onnx";
import { tinyConfig } from "@ppt-vit/conformance";
import { hostTensor, type Program, randomWeights, weightsFrom } from "@ppt-vit/core";
import { describe, expect, test } from "vitest";

describe("kernels of a graph", () => {
  test("a reshape is none, and names tell the step", () => {
    const program: Program = (ops, { w }, { x }) => ({
      y: ops.scope("blocks.7", () => ops.scope("ppt", () => ops.scope("rank", () => ops.exp(ops.linear(x!, w!))))),
      z: ops.reshape(
        ops.scope("head", () => ops.matMul(x!, ops.transpose(x!, [0, 2, 1]))),
        [-1, 9],
      ),
    });
    const params = { w: hostTensor([4, 4], (i) => i) };
    const fusion = { contrib: false, attention: false };
    const { kernels, nodes } = traceProgram(program, { params, inputs: { x: [-1, 3, 4] }, fusion });
    expect(kernels).toEqual({
      total: 4,
      byOperator: { Exp: 1, Gemm: 1, MatMul: 1, Transpose: 1 },
      byStep: { head: 2, "ppt/rank": 2 },
    });
    expect(nodes).toBeGreaterThan(4);
  });

  test("are those of the file", () => {
    const made = exportOnnx({ config: tinyConfig, weights: weightsFrom(randomWeights(tinyConfig, 1)) });
    expect(inspectOnnx(made.bytes).kernels).toEqual(made.kernels);
    const sum = (counts: Readonly<Record<string, number>>) => Object.values(counts).reduce((a, b) => a + b, 0);
    expect([sum(made.kernels.byOperator), sum(made.kernels.byStep)]).toEqual([made.kernels.total, made.kernels.total]);
  });
});
