/** transformers.js: it loads an ONNX file of the same weights and runs it on the ONNX Runtime that it installs. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PptError, prepareVisionProgram } from "@ppt-vit/core";
import type { BenchModel } from "../model.js";
import type { Contender, Run } from "./contender.js";

export const transformersJs: Contender = { name: "transformers.js", prepare };

/**
 * Writes the ONNX file: an unreduced model as `torch.onnx.export` writes it, with standard operators and all rows in every
 * block; a reduced one as `ppt-vit export` writes it.
 * @throws PptError BACKEND_UNAVAILABLE where @huggingface/transformers is not installed
 */
async function prepare(model: BenchModel): Promise<() => Promise<Run>> {
  const { AutoModelForImageClassification, Tensor, env } = await loadTransformers();
  const home = mkdtempSync(join(tmpdir(), "ppt-vit-bench-"));
  process.on("exit", () => rmSync(home, { recursive: true, force: true }));
  mkdirSync(join(home, "model", "onnx"), { recursive: true });
  // transformers.js reads only the model type from it, to choose a class.
  writeFileSync(join(home, "model", "config.json"), JSON.stringify({ model_type: "vit" }));
  writeFileSync(join(home, "model", "onnx", "model.onnx"), await onnxFile(model));
  env.allowRemoteModels = false;
  env.localModelPath = home;

  const { channels, imageSize } = model.config;
  return async () => {
    const classifier = await AutoModelForImageClassification.from_pretrained("model", { dtype: "fp32", device: "cpu" });
    return async (pixelValues, batch) => {
      const { logits } = await classifier({
        pixel_values: new Tensor("float32", pixelValues, [batch, channels, ...imageSize]),
      });
      // Its CPU runtime leaves outputs in host memory.
      return logits.data as Float32Array;
    };
  };
}

async function loadTransformers() {
  try {
    return await import("@huggingface/transformers");
  } catch (cause) {
    throw new PptError(
      "BACKEND_UNAVAILABLE",
      "transformers.js is not installed: npm install @huggingface/transformers",
      {
        cause,
      },
    );
  }
}

async function onnxFile({ config, weights, reduction }: BenchModel): Promise<Uint8Array> {
  const { exportOnnx, traceProgram } = await import("@ppt-vit/backend-onnx");
  if (reduction) return exportOnnx({ config, weights, reduction, outputs: ["logits"] }).bytes;
  // With the last hidden state among its outputs, the model computes all rows of the last block too.
  const { program, params, inputs } = prepareVisionProgram({ config, weights, outputs: { lastHiddenState: true } });
  const fusion = { contrib: false, attention: false };
  return traceProgram(program, { params, inputs, fusion, outputs: ["logits"] }).bytes;
}
