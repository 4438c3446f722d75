/** Where ONNX Runtime puts the nodes, by its own log. */
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { traceProgram } from "@ppt-vit/backend-onnx";
import { tinyConfig, tinyFamilies } from "@ppt-vit/conformance";
import { prepareVisionProgram, randomWeights, type VisionModelConfig, weightsFrom } from "@ppt-vit/core";
import { afterAll, describe, expect, it } from "vitest";
import { useSoftwareVulkan } from "./webgpu.js";

const found = useSoftwareVulkan();
const folder = mkdtempSync(join(tmpdir(), "ppt-vit-placement-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** What ONNX Runtime logs while it opens the model, in a process of its own because it logs past Node. */
async function openingLog(model: Uint8Array): Promise<string> {
  const path = join(folder, "model.onnx");
  writeFileSync(path, model);
  const script = `
    const ort = require(${JSON.stringify(createRequire(import.meta.url).resolve("onnxruntime-node"))});
    ort.InferenceSession.create(process.argv[1], { executionProviders: ["webgpu"], logSeverityLevel: 0 });`;
  const { stdout, stderr } = await promisify(execFile)(process.execPath, ["-e", script, path], { maxBuffer: 2 ** 26 });
  return stdout + stderr;
}

describe.skipIf(!found)("placement on WebGPU", () => {
  const families = Object.entries(tinyFamilies).map(([name, config]) => [name, "float32", config] as const);
  const cases: readonly (readonly [name: string, dtype: "float32" | "float16", config: VisionModelConfig])[] = [
    ["ViT", "float32", tinyConfig],
    ["ViT", "float16", tinyConfig],
    ...families,
  ];

  const fusions = [
    { contrib: true, attention: false },
    { contrib: true, attention: true },
  ];
  const all = fusions.flatMap((fusion) => cases.map((one) => [...one, fusion] as const));

  it.each(all)(
    "%s in %s: every node on the GPU, no copies between devices, %#",
    async (_name, dtype, config, fusion) => {
      const { program, params, inputs } = prepareVisionProgram({
        config,
        weights: weightsFrom(randomWeights(config, 1)),
        reduction: { layers: [0, 1, 2], tokensRemoved: 3, threshold: { scaleFree: 0.6 } },
        outputs: { lastHiddenState: true, source: true, scores: true },
      });
      const { bytes } = traceProgram(program, {
        params,
        inputs,
        dtype,
        fusion,
      });
      const log = await openingLog(bytes);
      expect(log).toMatch(/All nodes placed on \[WebGpuExecutionProvider\]\. Number of nodes: \d{3}/);
      expect(log).not.toMatch(/Node\(s\) placed on \[CPUExecutionProvider\]/);
      expect(log).not.toMatch(/MemcpyToHost|MemcpyFromHost/);
    },
  );
});
