/** Runs a whole model once, and compares its stages and tokens with a golden file. */
import {
  createVisionModel,
  type SafetensorsFile,
  type StageReport,
  type VisionModelOptions,
  type VisionOutput,
} from "@ppt-vit/core";
import type { HostTensor } from "@ppt-vit/core/backend";
import { expectClose, expectSameRatio } from "./harness.js";

/** Creates a model, runs it on pixels [B, channels, H, W], and disposes it. */
export async function runModel(options: VisionModelOptions, pixels: HostTensor): Promise<VisionOutput> {
  const model = await createVisionModel(options);
  try {
    return await model.run({ pixelValues: pixels.data, batch: pixels.shape[0]! });
  } finally {
    await model.dispose();
  }
}

/** Stage `k` of a run, and the golden file with the expected results. */
interface StageOf {
  readonly stages: readonly StageReport[];
  readonly k: number;
  readonly expected: SafetensorsFile;
}

/** @throws Error unless the stage pruned exactly the expected images and pooled the others */
export function expectDecisions({ stages, k, expected }: StageOf): void {
  const prunes = expected.bytes("prunes");
  stages[k]!.policies.forEach((action, image) => {
    const wanted = prunes[image * stages.length + k] === 1 ? "prune" : "pool";
    if (action !== wanted) throw new Error(`stage ${k}, image ${image}: ${action}, expected ${wanted}`);
  });
}

/** @throws Error unless each image's score variance is as expected, up to rounding */
export function expectVariances({ stages, k, expected }: StageOf): void {
  const variances = expected.read("score_variance").data;
  const wanted = stages[k]!.variances.map((_, image) => variances[image * stages.length + k]!);
  expectSameRatio(`variances of stage ${k}`, stages[k]!.variances, wanted, 1e-4);
}

/** @throws Error unless every output token has the expected size and contains the expected input tokens */
export function expectTokens(output: VisionOutput, expected: SafetensorsFile): void {
  expectClose("size", output.size, expected.read("size"), 0);
  const source = { shape: expected.shape("source"), data: Float32Array.from(expected.bytes("source")) };
  expectClose("source", output.source, source, 0);
}
