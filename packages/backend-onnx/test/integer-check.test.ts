/** Tests that a device whose products of integers are wrong is told so, and computes with floats. */
import { hostTensor, PptError, quantizeBlocks, quantizeRows } from "@ppt-vit/core";
import type { Program } from "@ppt-vit/core/backend";
import * as ort from "onnxruntime-node";
import { describe, expect, it } from "vitest";
import { createOnnxBackend } from "../src/index.js";
import type { OnnxRuntime } from "../src/runtime-types.js";

const program: Program = (ops, { weight }, { x }) => ({ y: ops.linear(x!, weight!) });
const weight = hostTensor([7, 70], (i) => Math.sin(i * i));
const x = hostTensor([2, 3, 70], (i) => Math.cos(i));

/** ONNX Runtime, in which sessions with the operator give `wrong` of each value. */
function brokenRuntime(operator: string, wrong: (value: number) => number): OnnxRuntime {
  const create = async (model: Uint8Array, options: ort.InferenceSession.SessionOptions) => {
    const session = await ort.InferenceSession.create(model, options);
    if (!Buffer.from(model).includes(operator)) return session;
    return {
      inputNames: session.inputNames,
      outputNames: session.outputNames,
      release: () => session.release(),
      async run(feeds: ort.InferenceSession.FeedsType) {
        const outputs = Object.entries(await session.run(feeds));
        return Object.fromEntries(
          outputs.map(([name, { data, dims }]) => [
            name,
            new ort.Tensor("float32", (data as Float32Array).map(wrong), dims),
          ]),
        );
      },
    };
  };
  return { ...ort, InferenceSession: { create } } as unknown as OnnxRuntime;
}

async function productOn(runtime: OnnxRuntime | undefined, quantized = quantizeRows(weight)) {
  const backend = await createOnnxBackend({ device: "cpu", ...(runtime && { ort: runtime }) });
  const compileOptions = { params: { weight: quantized }, inputs: { x: [-1, 3, 70] } };
  const executable = await backend.compile(program, compileOptions);
  const { y } = await executable.run({ x });
  const again = await backend.compile(program, compileOptions);
  await backend.dispose();
  expect(again.notices).toEqual(executable.notices);
  return { notices: executable.notices ?? [], y: y!.data, checks: backend.info.integerChecks };
}

/** The product of floats. */
const expected = async (quantized: typeof weight) =>
  (await productOn(undefined, { shape: quantized.shape, data: quantized.data })).y;

describe.each([
  ["rows", "8-bit", "MatMulIntegerToFloat", quantizeRows],
  ["blocks", "4-bit", "MatMulNBits", quantizeBlocks],
] as const)("%s of integers", (kind, title, operator, quantize) => {
  it("are used where the device computes them rightly", async () => {
    const { notices, checks } = await productOn(undefined, quantize(weight));
    expect(notices).toEqual([]);
    expect(checks).toEqual({ [kind]: { agrees: true, difference: expect.any(Number) } });
  });

  it.each([
    ["a little off", (value: number) => value * 1.05, /0\.0\d+ of the largest value/],
    ["of the wrong sign", (value: number) => -value, /of the largest value/],
    ["zeros", () => 0, /of the largest value/],
    ["NaN", () => Number.NaN, /it gives NaN/],
  ])("become floats where the device gives products that are %s, which a notice says", async (_, wrong, why) => {
    const quantized = quantize(weight);
    const { notices, y, checks } = await productOn(brokenRuntime(operator, wrong), quantized);
    expect(checks?.[kind]?.agrees).toBe(false);
    expect(notices).toEqual([
      expect.stringMatching(
        new RegExp(`^onnx-cpu: ${operator} computes ${title} weights wrongly on this device \\(.*${why.source}`),
      ),
    ]);
    expect(y).toEqual(await expected(quantized));
  });

  it("become floats where the device refuses the operator", async () => {
    const quantized = quantize(weight);
    const runtime = brokenRuntime(operator, () => {
      throw new PptError("BACKEND_UNAVAILABLE", "no such kernel");
    });
    const { notices, y } = await productOn(runtime, quantized);
    expect(notices).toEqual([expect.stringContaining("no such kernel")]);
    expect(y).toEqual(await expected(quantized));
  });
});

it("checks nothing for a program of floats", async () => {
  const { checks } = await productOn(undefined, weight);
  expect(checks).toBeUndefined();
});
