/** One measured process: opens one model on one backend, then takes turns whenever the parent asks. */
import {
  type Backend,
  createVisionModel,
  isPptError,
  modelCost,
  type VisionModel,
  verificationInput,
} from "@ppt-vit/core";
import { createBackend } from "@ppt-vit/pipeline";
import { openModel } from "./model.js";
import { median } from "./statistics.js";
import type { CellSettings } from "./types.js";

export interface Turn {
  readonly runs: number;
  /** No further run is begun after this long. */
  readonly limitMs: number;
}

export type CellRequest = { readonly open: CellSettings } | { readonly turn: Turn } | { readonly finish: true };

export type CellAnswer =
  | { readonly opened: { readonly gmacs: number; readonly loadMs: number; readonly firstRunMs: number } }
  | { readonly times: readonly number[]; readonly medianMs: number }
  | { readonly peakMemoryBytes: number }
  | { readonly failure: { readonly code: string; readonly message: string } };

interface Opened {
  readonly model: VisionModel;
  readonly pixelValues: Float32Array;
  readonly batch: number;
}

/** Answers the parent's messages until it says to finish. */
export function benchCellCommand(): void {
  let opened: Opened | undefined;

  async function answer(request: CellRequest): Promise<CellAnswer> {
    if ("finish" in request) return { peakMemoryBytes: process.resourceUsage().maxRSS * 1024 };
    if ("turn" in request) return takeTurn(opened!, request.turn);
    const { settings, ...facts } = await open(request.open);
    opened = settings;
    return { opened: facts };
  }

  process.on("message", (request: CellRequest) => {
    const reply = answer(request).catch((error: unknown): CellAnswer => {
      const message = error instanceof Error ? error.message : String(error);
      return { failure: { code: isPptError(error) ? error.code : "UNEXPECTED", message } };
    });
    // The process ends by itself once nobody listens, unless a runtime keeps threads: so it ends when asked to.
    void reply.then((message) => process.send!(message, () => "finish" in request && process.exit(0)));
  });
  process.on("disconnect", () => process.exit(1));
}

async function open({ backend: name, model: source, policy, batch }: CellSettings) {
  const { config, weights, reduction } = await openModel(source, policy);
  // Random weights are made when they are first read: before the clock starts.
  const start = performance.now();
  const backend = await openBackend(name);
  const model = await createVisionModel({ config, weights, backend, reduction });
  const loadMs = performance.now() - start;
  const images = Array.from({ length: batch }, (_, i) => verificationInput(config, i));
  const pixelValues = new Float32Array(batch * images[0]!.length);
  images.forEach((image, i) => void pixelValues.set(image, i * image.length));
  const settings = { model, pixelValues, batch };
  const firstRunMs = await timeRun(settings);
  return { settings, gmacs: modelCost(config, reduction).gmacs, loadMs, firstRunMs };
}

/** A backend by name; ONNX backends also in half precision: `onnx-webgpu:fp16`. */
async function openBackend(name: string): Promise<Backend> {
  const half = /^onnx-(cpu|webgpu|wasm):fp16$/.exec(name);
  if (!half) return createBackend(name);
  const { createOnnxBackend } = await import("@ppt-vit/backend-onnx");
  return createOnnxBackend({ device: half[1] as "cpu" | "webgpu" | "wasm", dtype: "fp16" });
}

/** One run, logits read back, in milliseconds. */
async function timeRun({ model, pixelValues, batch }: Opened): Promise<number> {
  const start = performance.now();
  await model.run({ pixelValues, batch });
  return performance.now() - start;
}

/** The first run of a turn finds the caches full of other contenders' weights, so it is not counted. */
async function takeTurn(opened: Opened, { runs, limitMs }: Turn): Promise<CellAnswer> {
  const start = performance.now();
  await timeRun(opened);
  const times = [await timeRun(opened)];
  while (times.length < runs && performance.now() - start < limitMs) times.push(await timeRun(opened));
  return { times, medianMs: median(times) };
}
