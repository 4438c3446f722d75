/**
 * Which test runs the conformance suite on which backend. `states` is text of that test, so that a build fails if the test is
 * gone or renamed. `cases` are the beginnings of the names of the cases that it runs.
 */
const all = [""];
/** What software drivers of GPUs are fast enough for. */
const operationsAndGolden = ["primitive:", "composite:", "golden:", "lifecycle: c", "lifecycle: m", "lifecycle: t"];

/** What Node runs of the golden cases where Chromium runs all of them on the same kernels. */
const allButGolden = [
  "primitive:",
  "composite:",
  "model",
  "lifecycle:",
  "misuse:",
  "golden: adaptive",
  "golden: each image",
];
const golden = ["golden"];

/** @typedef {{ backend: string, where: string, dtype: "fp32" | "fp16" | "q8" | "q4", file: string, states: string, cases: string[], note?: string }} Suite */

/** @type {Suite[]} */
export const suites = [
  {
    backend: "cpu",
    where: "Node",
    dtype: "fp32",
    file: "packages/backend-cpu/test/conformance.test.ts",
    states: 'describeConformance("CPU backend", {}',
    cases: all,
  },
  {
    backend: "cpu",
    where: "Chromium",
    dtype: "fp32",
    file: "test/browser.test.ts",
    states: '["classifyHere", "cpu"]',
    cases: [],
    note: "the demo model gives Node's result",
  },
  {
    backend: "onnx-cpu",
    where: "Node",
    dtype: "fp32",
    file: "packages/backend-onnx/test/conformance-cpu.test.ts",
    states: '{ device: "cpu" }',
    cases: all,
  },
  {
    backend: "onnx-cpu",
    where: "Node",
    dtype: "fp16",
    file: "packages/backend-onnx/test/conformance-fp16.test.ts",
    states: '{ device: "cpu", dtype: "fp16" }',
    cases: all,
  },
  {
    backend: "onnx-webgpu",
    where: "Node",
    dtype: "fp32",
    file: "packages/backend-onnx/test/conformance-webgpu.test.ts",
    states: '{ device: "webgpu" }',
    cases: allButGolden,
  },
  {
    backend: "onnx-webgpu",
    where: "Chromium",
    dtype: "fp32",
    file: "test/browser-onnx.test.ts",
    states: 'test("WebGPU passes the whole suite"',
    cases: all,
  },
  {
    backend: "onnx-wasm",
    where: "Node",
    dtype: "fp32",
    file: "packages/backend-onnx/test/conformance-wasm.test.ts",
    states: '{ device: "wasm" }',
    cases: all,
  },
  {
    backend: "onnx-wasm",
    where: "Chromium",
    dtype: "fp32",
    file: "test/browser-onnx.test.ts",
    states: 'test("wasm passes the golden cases"',
    cases: golden,
  },
  {
    backend: "tfjs-cpu",
    where: "Node",
    dtype: "fp32",
    file: "packages/backend-tfjs/test/conformance-cpu.test.ts",
    states: '{ device: "cpu" }',
    cases: all,
  },
  {
    backend: "tfjs-wasm",
    where: "Node",
    dtype: "fp32",
    file: "packages/backend-tfjs/test/conformance-wasm.test.ts",
    states: '{ device: "wasm" }',
    cases: all,
  },
  {
    backend: "tfjs-wasm",
    where: "Chromium",
    dtype: "fp32",
    file: "test/browser-tfjs.test.ts",
    states: 'test("wasm passes the golden cases on one thread"',
    cases: golden,
  },
  {
    backend: "tfjs-webgl",
    where: "Chromium",
    dtype: "fp32",
    file: "test/browser-tfjs.test.ts",
    states: 'test("WebGL passes operations and golden cases"',
    cases: operationsAndGolden,
  },
  {
    backend: "tfjs-webgpu",
    where: "Node",
    dtype: "fp32",
    file: "packages/backend-tfjs/test/conformance-webgpu.test.ts",
    states: '{ device: "webgpu" }',
    cases: operationsAndGolden,
  },
  {
    backend: "tfjs-webgpu",
    where: "Chromium",
    dtype: "fp32",
    file: "test/browser-tfjs.test.ts",
    states: 'test("WebGPU passes operations and golden cases"',
    cases: operationsAndGolden,
  },
  {
    backend: "wasm",
    where: "Node",
    dtype: "fp32",
    file: "packages/backend-wasm/test/conformance.test.ts",
    states: 'describe("wasm backend"',
    cases: all,
  },
  {
    backend: "wasm",
    where: "Chromium",
    dtype: "fp32",
    file: "test/browser.test.ts",
    states: '["classifyHere", "simd"]',
    cases: [],
    note: "the demo model gives the plain CPU backend's result, with both sets of instructions",
  },
  ...[
    ["cpu", '["plain CPU", '],
    ["wasm", '["WebAssembly", '],
    ["onnx-cpu", '["ONNX Runtime, native CPU", '],
    ["onnx-wasm", '["ONNX Runtime, wasm", '],
  ].flatMap(([backend, states]) =>
    ["q8", "q4"].map((dtype) => ({
      backend,
      where: "Node",
      dtype,
      file: "packages/pipeline/test/quantized.test.ts",
      states,
      cases: [],
      note: "the demo model's answers stay",
    })),
  ),
  ...["tfjs-node", "tfjs-node-gpu"].map((backend) => ({
    backend,
    where: "Node",
    dtype: "fp32",
    file: "packages/backend-tfjs/test/conformance-native.test.ts",
    states: 'for (const device of ["node", "node-gpu"] as const)',
    cases: all,
    note: "only where it is installed, so not in CI",
  })),
];
