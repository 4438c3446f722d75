/**
 * Tests the traced graph, and how ONNX Runtime's optimiser fuses it. The optimiser looks for patterns of nodes, which the
 * graph must contain unbroken.
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createOnnxBackend, exportOnnx, inspectOnnx, traceProgram } from "@ppt-vit/backend-onnx";
import { tinyConfig } from "@ppt-vit/conformance";
import { hostTensor, type Program, policyNames, prepareVisionProgram, randomWeights, weightsFrom } from "@ppt-vit/core";
import * as ort from "onnxruntime-node";
import { describe, expect, test } from "vitest";
import { fusionFor } from "../src/device-kinds.js";
import { decodeModel } from "../src/proto.js";

const weights = weightsFrom(randomWeights(tinyConfig, 1));
const reduction = { layers: [0], tokensRemoved: 3, threshold: { scaleFree: 0.6 } } as const;

function countOperators(bytes: Uint8Array): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { opType } of decodeModel(bytes).graph.node) counts.set(opType, (counts.get(opType) ?? 0) + 1);
  return counts;
}

/** Operators after ONNX Runtime has optimised the file for its CPU provider, with the number of each. */
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

describe("the traced graph", () => {
  const matrix = hostTensor([4, 4], (i) => Math.sin(i));

  /** Nodes and initializers of a program with one parameter `w` and one input `x` [B,4]. */
  function graphOf(program: Program) {
    const { bytes } = traceProgram(program, {
      params: { w: matrix },
      inputs: { x: [-1, 4] },
      fusion: { contrib: false, attention: false },
    });
    const { node, initializer } = decodeModel(bytes).graph;
    return { operators: node.map(({ opType }) => opType), nodes: node, initializers: initializer };
  }

  test("one weight used twice lies in it once", () => {
    const { operators, nodes, initializers } = graphOf((ops, { w }, { x }) => ({
      y: ops.linear(ops.exp(ops.linear(x!, w!)), w!),
    }));
    expect(operators).toEqual(["Gemm", "Exp", "Gemm", "Identity"]);
    expect(initializers).toHaveLength(1);
    expect([nodes[0]!.input[1], nodes[2]!.input[1]]).toEqual([initializers[0]!.name, initializers[0]!.name]);
  });

  test("equal constants lie in it once, wherever they come from", () => {
    const { initializers } = graphOf((ops, { w }, { x }) => ({
      y: ops.add(ops.mul(x!, ops.constant(hostTensor([4], () => 2))), ops.constant(hostTensor([4], () => 2))),
      z: ops.matMul(ops.matMul(x!, w!), ops.constant({ shape: [4, 4], data: matrix.data.slice() })),
    }));
    expect(initializers.map(({ dims }) => dims)).toEqual([[4], [4, 4]]);
  });

  test("what depends on constants alone leaves no node", () => {
    const { operators, initializers } = graphOf((ops, { w }, { x }) => {
      const folded = ops.mul(ops.add(ops.transpose(w!, [1, 0]), ops.reshape(w!, [4, 4])), 2);
      return { y: ops.matMul(x!, ops.sub(folded, ops.cast(ops.greater(w!, 0), "float32"))) };
    });
    expect(operators).toEqual(["MatMul", "Identity"]);
    expect(initializers).toHaveLength(1);
    const at = (row: number, column: number) => matrix.data[4 * row + column]!;
    const expected = Float32Array.from({ length: 16 }, (_, i) => {
      const [row, column] = [Math.floor(i / 4), i % 4];
      return 2 * (at(column, row) + at(row, column)) - (at(row, column) > 0 ? 1 : 0);
    });
    const { rawData } = initializers[0] as { rawData: Uint8Array };
    const folded = new Float32Array(Uint8Array.from(rawData).buffer);
    expect(Math.max(...folded.map((value, i) => Math.abs(value - expected[i]!)))).toBeLessThan(1e-6);
  });

  test("the same expression twice is one node", () => {
    const { operators } = graphOf((ops, { w }, { x }) => {
      const expression = () => ops.sqrt(ops.sum(ops.exp(ops.matMul(x!, w!)), 1));
      return { y: ops.scope("one", expression), z: ops.add(ops.scope("other", expression), 1) };
    });
    expect(operators.filter((operator) => operator !== "Identity").sort()).toEqual(
      ["MatMul", "Exp", "ReduceSum", "Sqrt", "Add"].sort(),
    );
  });

  test("names tell block and step, each once", () => {
    const layers = [0, 1];
    const prepared = prepareVisionProgram({ config: tinyConfig, weights, reduction: { ...reduction, layers } });
    const { bytes } = traceProgram(prepared.program, { ...prepared, fusion: { contrib: true, attention: false } });
    const names = decodeModel(bytes).graph.node.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    for (let block = 0; block < tinyConfig.layers; block++) {
      const own = names.filter((name) => name.startsWith(`blocks.${block}/`));
      expect(own).toContain(`blocks.${block}/attention/Softmax`);
      const steps = own.map((name) => /\/ppt\/(\w+)\/\w+$/.exec(name)?.[1]).filter((step) => step !== undefined);
      const expected = layers.includes(block) ? ["significance", "match", "rank", "pool", "compress"] : [];
      expect([...new Set(steps)]).toEqual(expected);
    }
  });
});

describe("tools of others find in an exported file", () => {
  const exported = (options: object) =>
    decodeModel(exportOnnx({ config: tinyConfig, weights, reduction, ...options }).bytes).graph;

  // They turn every constant second factor of a product into 8 bits. In a reduction, that would be a matrix of 0 and 1.
  test.each(policyNames)("no constant to quantise in the reduction of %s", (policy) => {
    const stages = { layers: [0, 2], tokensRemoved: 3, ...(policy === "ppt" && { threshold: 0.001 }) };
    for (const portable of [false, true]) {
      const { node, initializer } = exported({ portable, reduction: { ...stages, policy } });
      const constants = new Set(initializer.map(({ name }) => name));
      const products = node.filter(({ opType }) => ["MatMul", "Gemm", "Conv", "Attention"].includes(opType));
      const quantised = products.filter(({ input }) => constants.has(input[1]!)).map(({ name }) => name);
      expect(quantised.length).toBeGreaterThan(6 * tinyConfig.layers);
      expect(quantised.filter((name) => /\/(ppt|observe)\//.test(name))).toEqual([]);
    }
  });

  test.each(["float32", "float16", "q8", "q4"] as const)("the types that only ONNX Runtime knows, %s", (dtype) => {
    const { node, valueInfo } = exported({ dtype });
    const outputs = node
      .filter(({ domain }) => domain !== "")
      .flatMap(({ output }) => output.filter((name) => name !== ""));
    expect(outputs.length).toBeGreaterThanOrEqual(tinyConfig.layers);
    expect(valueInfo.map(({ name }) => name)).toEqual(outputs);
    // Rows may be those of all images, so a free length has no name.
    const lengths = valueInfo.flatMap(({ type }) => type.tensorType.shape.dim);
    expect(lengths.filter(({ dimParam }) => dimParam !== undefined)).toEqual([]);
  });
});

test("CPUs get operators that project, sort and normalise", () => {
  const { program, params, inputs } = prepareVisionProgram({ config: tinyConfig, weights, reduction });
  const fusion = { contrib: true, attention: true, projectedAttention: true, forCpu: true };
  const { bytes } = traceProgram(program, { params, inputs, fusion });
  const counts = countOperators(bytes);
  // The last block computes only the class token's row.
  expect(counts.get("Attention")).toBe(tinyConfig.layers - 1);
  expect(counts.get("MultiHeadAttention")).toBe(1);
  expect(counts.get("TopK")).toBe(2);
  expect(counts.get("ArgMax")).toBe(1);
  expect(counts.get("LpNormalization")).toBe(2);
});

// ONNX Runtime 1.24 has no `LpNormalization` of the operators that `Attention` belongs to.
test("the attention of ONNX 23 comes without operators that older runtimes lack", () => {
  const { program, params, inputs } = prepareVisionProgram({ config: tinyConfig, weights, reduction, quantize: "q8" });
  const { bytes } = traceProgram(program, { params, inputs, fusion: fusionFor("cpu") });
  expect(inspectOnnx(bytes).operatorSets).toMatchObject({ "ai.onnx": 23 });
  const counts = countOperators(bytes);
  expect(counts.get("Attention")).toBe(tinyConfig.layers);
  expect(counts.get("MultiHeadAttention")).toBeUndefined();
  expect(counts.get("LpNormalization")).toBeUndefined();
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
