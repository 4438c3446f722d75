/** Tests the count of kernels, which a GPU launches, and holds it low. conformance-webgpu.test.ts compares it with a run. */
import { exportOnnx, inspectOnnx, traceProgram } from "@ppt-vit/backend-onnx";
import { tinyConfig } from "@ppt-vit/conformance";
import {
  hostTensor,
  type Program,
  type ReductionConfig,
  randomWeights,
  type VisionModelConfig,
  weightsFrom,
} from "@ppt-vit/core";
import { describe, expect, test } from "vitest";
import { onCpu, onGpu } from "./kernels.js";

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

/** Blocks, heads and tokens of DeiT-S. Its channels are fewer here: kernels do not depend on them. */
const deitS: VisionModelConfig = {
  ...tinyConfig,
  imageSize: [224, 224],
  patchSize: [16, 16],
  hiddenSize: 48,
  heads: 6,
  intermediateSize: 96,
  layers: 12,
};

describe("a GPU launches few kernels for the blocks, heads and tokens of DeiT-S", () => {
  const stages = { layers: [3, 6, 9], tokensRemoved: 50 } as const;
  const unreduced = onGpu(deitS).kernels.total;

  test("unreduced", () => expect(unreduced).toBeLessThanOrEqual(180));

  test.each<[ReductionConfig, most: number]>([
    [{ ...stages, threshold: 7e-5 }, 28.7],
    [{ ...stages, threshold: "prune" }, 20],
    [{ ...stages, threshold: "pool" }, 25],
    [{ ...stages, policy: "tome" }, 25],
    [{ ...stages, policy: "top-k" }, 18],
    [{ ...stages, policy: "evit" }, 22],
    [{ ...stages, policy: "diffrate" }, 34.7],
    [{ ...stages, policy: "pitome" }, 48],
  ])("%j adds at most %d for each stage", (reduction, most) => {
    const { kernels } = onGpu(deitS, reduction);
    expect((kernels.total - unreduced) / stages.layers.length).toBeLessThanOrEqual(most);
  });
});

describe("a CPU computes few operators for a stage", () => {
  const stages = { layers: [3, 6, 9], tokensRemoved: 50 } as const;
  const unreduced = onCpu(deitS).kernels.total;

  test.each<[ReductionConfig, most: number]>([
    [{ ...stages, threshold: 7e-5 }, 55],
    [{ ...stages, threshold: "prune" }, 37],
    [{ ...stages, threshold: "pool" }, 51],
  ])("%j adds at most %i for each stage", (reduction, most) => {
    const { kernels } = onCpu(deitS, reduction);
    expect((kernels.total - unreduced) / stages.layers.length).toBeLessThanOrEqual(most);
  });
});
