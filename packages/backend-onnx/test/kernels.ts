/** Graphs for kinds of devices, and the kernels that ONNX Runtime launches for them on a GPU. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type KernelCount, traceProgram } from "@ppt-vit/backend-onnx";
import {
  prepareVisionProgram,
  type ReductionConfig,
  randomWeights,
  sizeOf,
  type VisionModelConfig,
  weightsFrom,
} from "@ppt-vit/core";
import * as ort from "onnxruntime-node";
import { type DeviceKind, fusionFor } from "../src/device-kinds.js";

type Counted = { readonly bytes: Uint8Array; readonly kernels: KernelCount };

const madeFor =
  (kind: DeviceKind) =>
  (config: VisionModelConfig, reduction?: ReductionConfig): Counted => {
    const prepared = prepareVisionProgram({ config, weights: weightsFrom(randomWeights(config, 1)), reduction });
    return traceProgram(prepared.program, { ...prepared, fusion: fusionFor(kind) });
  };

export const onGpu = madeFor("gpu");
export const onCpu = madeFor("cpu");

/** The kernels that one run launches, by ONNX Runtime's own profile. */
export async function launched(model: Uint8Array, config: VisionModelConfig): Promise<Record<string, number>> {
  const folder = mkdtempSync(join(tmpdir(), "ppt-vit-kernels-"));
  try {
    const options = {
      executionProviders: ["webgpu"],
      enableProfiling: true,
      profileFilePrefix: join(folder, "profile"),
    };
    const session = await ort.InferenceSession.create(model, options);
    const shape = [1, config.channels, ...config.imageSize];
    const pixels = Float32Array.from({ length: sizeOf(shape) }, (_, i) => Math.sin(i));
    await session.run({ pixel_values: new ort.Tensor("float32", pixels, shape) });
    await session.release();
    const events = JSON.parse(readFileSync(join(folder, readdirSync(folder)[0]!), "utf8")) as {
      cat: string;
      name: string;
    }[];
    const counts: Record<string, number> = {};
    for (const { cat, name } of events) {
      // NODE&OPERATOR&KERNEL
      const operator = name.split("&")[1]!;
      if (cat === "Api") counts[operator] = (counts[operator] ?? 0) + 1;
    }
    return counts;
  } finally {
    rmSync(folder, { recursive: true });
  }
}
