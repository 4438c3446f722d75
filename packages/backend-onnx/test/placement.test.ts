/** Tests which provider ONNX Runtime assigns each node to, by its own log. */
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { createOnnxBackend, exportOnnx, type OnnxRuntime, traceProgram } from "@ppt-vit/backend-onnx";
import { tinyConfig, tinyFamilies } from "@ppt-vit/conformance";
import {
  createVisionModel,
  prepareVisionProgram,
  randomWeights,
  type VisionModelConfig,
  weightsFrom,
} from "@ppt-vit/core";
import * as ort from "onnxruntime-node";
import { afterAll, describe, expect, it } from "vitest";
import { useSoftwareVulkan } from "./webgpu.js";

const found = useSoftwareVulkan();
const folder = mkdtempSync(join(tmpdir(), "ppt-vit-placement-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** What ONNX Runtime logs while it opens the model. It runs in a process of its own, because it does not log through Node. */
async function openingLog(model: Uint8Array): Promise<string> {
  const path = join(folder, "model.onnx");
  writeFileSync(path, model);
  const script = `
    const ort = require(${JSON.stringify(createRequire(import.meta.url).resolve("onnxruntime-node"))});
    ort.InferenceSession.create(process.argv[1], { executionProviders: ["webgpu"], logSeverityLevel: 0 });`;
  const { stdout, stderr } = await promisify(execFile)(process.execPath, ["-e", script, path], { maxBuffer: 2 ** 26 });
  return stdout + stderr;
}

/** The file that the backend passes to the runtime for a model. */
async function modelOf(config: VisionModelConfig, dtype: "fp32" | "fp16"): Promise<Uint8Array> {
  const models: Uint8Array[] = [];
  const recording: OnnxRuntime = {
    ...ort,
    InferenceSession: {
      create(model) {
        models.push(model);
        // The file is opened by the process that reads the log. Half precision is first tried with a program of one kernel.
        return Promise.resolve({
          inputNames: ["x"],
          run: async () => ({ y: new ort.Tensor("float32", new Float32Array(4), [1, 4]) }),
          release: async () => {},
        } as never);
      },
    },
  };
  const backend = await createOnnxBackend({ device: "webgpu", dtype, ort: recording });
  await createVisionModel({ ...modelOptions(config), backend });
  return models.at(-1)!;
}

const modelOptions = (config: VisionModelConfig) => ({
  config,
  weights: weightsFrom(randomWeights(config, 1)),
  reduction: { layers: [0, 1, 2], tokensRemoved: 3, threshold: { scaleFree: 0.6 } } as const,
  outputs: { lastHiddenState: true, source: true, scores: true },
});

/** The same with the fused operator, which the backend uses after checking it on the device. */
function withFusedAttention(config: VisionModelConfig, dtype: "fp32" | "fp16"): Uint8Array {
  const { program, params, inputs } = prepareVisionProgram(modelOptions(config));
  const fusion = { contrib: true, attention: true };
  return traceProgram(program, { params, inputs, dtype: dtype === "fp32" ? "float32" : "float16", fusion }).bytes;
}

/** Geometry of DeiT-Ti, with 12 layers. */
const fullSize: VisionModelConfig = {
  ...tinyConfig,
  imageSize: [224, 224],
  patchSize: [16, 16],
  hiddenSize: 192,
  heads: 3,
  intermediateSize: 768,
  layers: 12,
};

describe.skipIf(!found)("placement on WebGPU: every node on the GPU, no copies between devices", () => {
  const families = Object.entries(tinyFamilies).map(([name, config]) => [name, "fp32", config] as const);
  const cases: readonly (readonly [name: string, dtype: "fp32" | "fp16", config: VisionModelConfig])[] = [
    ["ViT", "fp32", tinyConfig],
    ["ViT", "fp16", tinyConfig],
    ["DeiT-Ti", "fp32", fullSize],
    ["DeiT-Ti", "fp16", fullSize],
    ...families,
  ];

  async function expectOnGpu(model: Uint8Array) {
    const log = await openingLog(model);
    expect(log).toMatch(/All nodes placed on \[WebGpuExecutionProvider\]\. Number of nodes: \d{3}/);
    expect(log).not.toMatch(/Node\(s\) placed on \[CPUExecutionProvider\]/);
    expect(log).not.toMatch(/MemcpyToHost|MemcpyFromHost/);
  }

  it.each(cases)("%s in %s", async (_name, dtype, config) => expectOnGpu(await modelOf(config, dtype)));

  it.each(cases)("%s in %s, fused attention", async (_name, dtype, config) =>
    expectOnGpu(withFusedAttention(config, dtype)),
  );

  // Files for GPUs, and for any device: see the table of kinds in src/device-kinds.ts.
  it.each([
    ["float16", undefined, false],
    ["float32", "gpu", true],
    ["float32", undefined, false],
    ["q8", "gpu", false],
    ["q4", undefined, false],
    ["q4f16", undefined, false],
  ] as const)("an exported file in %s, for %s, portable %s", async (dtype, devices, portable) => {
    const { reduction, config, weights } = modelOptions(fullSize);
    const { bytes, metadata } = exportOnnx({ config, weights, reduction, dtype, portable, for: devices });
    expect(metadata.for).not.toBe("cpu");
    await expectOnGpu(bytes);
  });

  it("notices a node that only the CPU has", async () => {
    const { program, params, inputs } = prepareVisionProgram(modelOptions(tinyConfig));
    const fusion = { contrib: true, attention: false, forCpu: true };
    await expect(expectOnGpu(traceProgram(program, { params, inputs, fusion }).bytes)).rejects.toThrow();
  });
});
