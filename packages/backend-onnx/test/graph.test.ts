/** What ONNX Runtime's optimiser makes of a graph in standard operators: it looks for patterns, and they must be whole. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createOnnxBackend, exportOnnx, traceProgram } from "@ppt-vit/backend-onnx";
import { tinyConfig } from "@ppt-vit/conformance";
import { hostTensor, type Program, prepareVisionProgram, randomWeights, weightsFrom } from "@ppt-vit/core";
import * as ort from "onnxruntime-node";
import { expect, test } from "vitest";
import { decodeModel } from "../src/proto.js";

const weights = weightsFrom(randomWeights(tinyConfig, 1));
const reduction = { layers: [0], tokensRemoved: 3, threshold: { scaleFree: 0.6 } } as const;

function countOperators(bytes: Uint8Array): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { opType } of decodeModel(bytes).graph.node) counts.set(opType, (counts.get(opType) ?? 0) + 1);
  return counts;
}

/** Operators after ONNX Runtime has optimised the file for its CPU provider, with how often each occurs. */
async function optimised(bytes: Uint8Array): Promise<Map<string, number>> {
  const folder = mkdtempSync(join(tmpdir(), "ppt-optimised-"));
  try {
    const file = join(folder, "model.onnx");
    const session = await ort.InferenceSession.create(bytes, { optimizedModelFilePath: file, logSeverityLevel: 3 });
    await session.release();
    return countOperators(readFileSync(file));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test("CPUs get operators that project, and sort", () => {
  const { program, params, inputs } = prepareVisionProgram({ config: tinyConfig, weights, reduction });
  const fusion = { contrib: true, attention: true, projectedAttention: true, forCpu: true };
  const { bytes } = traceProgram(program, { params, inputs, fusion });
  const counts = countOperators(bytes);
  // The last block computes the class token's row alone.
  expect(counts.get("Attention")).toBe(tinyConfig.layers - 1);
  expect(counts.get("MultiHeadAttention")).toBe(1);
  expect(counts.get("TopK")).toBe(2);
  expect(counts.get("ArgMax")).toBe(1);
  expect(counts.get("LpNormalization")).toBe(2);
});

test("sorting NaN gives every token a place", async () => {
  const backend = await createOnnxBackend({ device: "cpu" });
  const program: Program = (ops, _params, { x }) => ({ ranks: ops.rankDescending(x!) });
  const executable = await backend.compile(program, { params: {}, inputs: { x: [-1, 197] } });
  const x = hostTensor([2, 197], (i) => (i % 3 === 0 ? Number.NaN : Math.sin(i)));
  const { ranks } = await executable.run({ x });
  for (const row of [0, 1]) {
    const places = Array.from(ranks!.data.subarray(197 * row, 197 * (row + 1)));
    expect(places.sort((a, b) => a - b)).toEqual(places.map((_, i) => i));
  }
  await backend.dispose();
});

test.each([undefined, reduction])(
  "GELU and the scaled product become one node each, reduction %o",
  async (reducing) => {
    const { bytes } = exportOnnx({ config: tinyConfig, weights, reduction: reducing, portable: true });
    const operators = await optimised(bytes);
    expect(operators.get("Gelu")).toBe(tinyConfig.layers);
    expect(operators.get("Erf")).toBeUndefined();
    expect(operators.get("FusedMatMul")).toBeGreaterThanOrEqual(tinyConfig.layers);
  },
);
