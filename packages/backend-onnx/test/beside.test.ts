/** Tests models whose parameters are not in the file: the runtime takes them from arrays in memory. */
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createOnnxBackend, type Fusion, type OnnxDevice, traceProgram } from "@ppt-vit/backend-onnx";
import { type HostTensor, hostTensor, type Program } from "@ppt-vit/core";
import { lazyTensor } from "@ppt-vit/core/backend";
import * as ort from "onnxruntime-node";
import { afterAll, afterEach, describe, expect, it, vi } from "vitest";
import { keptBytes } from "../src/later-bytes.js";
import { decodeModel } from "../src/proto.js";

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

/** The memory of all brief values, as a file has one. What was read before is lost. */
const shared = new Float32Array(2 ** 20);

/** A parameter that is not in memory. `onRead` hears of each reading. */
function onDisk({ shape, data }: HostTensor, onRead: () => void = () => {}): HostTensor {
  return lazyTensor(shape, {
    keep() {
      onRead();
      return data.slice();
    },
    brief() {
      onRead();
      shared.fill(Number.NaN).set(data);
      return shared.subarray(0, data.length);
    },
  });
}

/** Heads and their attention as on CPUs: weights in place, transposed, and packed. */
const C = 1024;
const attention: Program = (ops, { q, k, v, out }, { x }) => {
  const projections = { query: { weight: q! }, key: { weight: k! }, value: { weight: v! } };
  const { mixed } = ops.selfAttention(x!, projections, { heads: 2, scale: 1 / 32 });
  return { y: ops.add(ops.linear(mixed, out!), ops.matMul(mixed, ops.transpose(out!, [1, 0]))) };
};

describe("weights that are not in memory", () => {
  const names = ["q", "k", "v", "out"];
  const held = Object.fromEntries(names.map((name, n) => [name, hostTensor([C, C], (i) => Math.sin(i + n) / C)]));
  const lazy = Object.fromEntries(Object.entries(held).map(([name, tensor]) => [name, onDisk(tensor)]));
  const folder = mkdtempSync(join(tmpdir(), "ppt-vit-beside-"));
  afterEach(() => {
    vi.unstubAllEnvs();
    vi.restoreAllMocks();
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it.each<[OnnxDevice, string, string]>([
    ["cpu", "from files, of which none stays", folder],
    ["cpu", "from arrays where no files can be written", join(folder, "missing")],
    ["wasm", "one after the other", folder],
  ])("are taken on %s %s", async (device, _, temporary) => {
    vi.stubEnv("TMPDIR", temporary);
    const warn = vi.spyOn(process, "emitWarning").mockReturnValue();
    const backend = await createOnnxBackend({ device });
    const x = hostTensor([1, 3, C], (i) => Math.cos(i));
    const [expected, actual] = await Promise.all(
      [held, lazy].map(async (params) => {
        const executable = await backend.compile(attention, { params, inputs: { x: [-1, 3, C] } });
        return (await executable.run({ x })).y!.data;
      }),
    );
    expect(actual).toEqual(expected);
    expect(Math.max(...actual!)).toBeGreaterThan(0);
    expect(readdirSync(folder)).toEqual([]);
    expect(warn.mock.calls.length > 0).toBe(temporary !== folder);
    await backend.dispose();
  });
});

/** With biases, and what a stage of reduction observes: the keys' weight is part of two projections. */
const observed: Program = (ops, { q, k, v, bias }, { x }) => {
  const projections = { query: { weight: q!, bias: bias! }, key: { weight: k!, bias: bias! }, value: { weight: v! } };
  const { mixed, observed } = ops.selfAttention(x!, projections, { heads: 2, scale: 0.25, observe: "class" });
  return { mixed, keys: observed!.keys };
};

it.each<[string, Program, Fusion]>([
  ["a linear layer", linear, options.fusion],
  ["attention on GPUs", observed, { contrib: false, attention: false, forGpu: true }],
  ["attention on CPUs", observed, { contrib: true, attention: true, projectedAttention: true, forCpu: true }],
])("reads each weight of %s once for a file, and gives the bytes of weights in memory", (_, program, fusion) => {
  const names = program === linear ? ["weight", "table"] : ["q", "k", "v"];
  const shapes = { weight: [48, 32], table: [1, 1, 32], q: [32, 32], k: [32, 32], v: [32, 32] };
  const held: Record<string, HostTensor> = {
    ...Object.fromEntries(
      names.map((name, n) => [name, hostTensor(shapes[name as keyof typeof shapes], (i) => Math.sin(i + n))] as const),
    ),
    bias: hostTensor([program === linear ? 48 : 32], (i) => i / 48),
  };
  const readings: string[] = [];
  const params = Object.fromEntries(
    Object.entries(held).map(([name, tensor]) => [name, onDisk(tensor, () => readings.push(name))]),
  );
  const { bytes, nodes } = traceProgram(program, { ...options, fusion, params: held });
  const lazy = traceProgram(program, { ...options, fusion, params });
  expect(lazy.nodes).toBe(nodes);
  expect(weightsOf(lazy.bytes)).toEqual(weightsOf(bytes));
  expect(readings.filter((name) => names.includes(name)).sort()).toEqual(names.sort());
});

/** The bytes of all constants. Lazy ones may stand in another order. */
const weightsOf = (file: Uint8Array) =>
  decodeModel(file)
    .graph.initializer.map(({ rawData }) => Buffer.from(keptBytes(rawData!)).toString("hex"))
    .sort();

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
