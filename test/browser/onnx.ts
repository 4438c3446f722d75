/** Runs in a page: ONNX Runtime Web with devices that lack something or are lost, and with replayed runs. */
import { createOnnxBackend, type OnnxBackend, type OnnxInfo, type OnnxRuntime } from "@ppt-vit/backend-onnx";
import { tinyConfig } from "@ppt-vit/conformance";
import { createVisionModel, isPptError, type Program, randomWeights, weightsFrom } from "@ppt-vit/core";
import { loadOrt } from "./conformance.js";

declare global {
  interface Window {
    onnx: typeof scenarios;
  }
}

/** Code and message of the error that `run` throws. */
const failureOf = (run: () => Promise<unknown>): Promise<string> =>
  run().then(
    () => "no failure",
    (error: unknown) => (isPptError(error) ? `${error.code} ${error.message}` : `not named: ${error}`),
  );

const N = 64;
/** x [B,N] -> y [B], with enough work that a device can be lost meanwhile. */
const chain: Program = (ops, _params, { x }) => {
  let y = ops.matMul(ops.reshape(x!, [-1, N, 1]), ops.reshape(x!, [-1, 1, N]));
  for (let i = 0; i < 20; i++) y = ops.exp(ops.mul(ops.matMul(y, y), 1e-6));
  return { y: ops.reshape(ops.max(ops.max(y, 2), 1), [-1]) };
};
const chainOptions = { params: {}, inputs: { x: [-1, N] } };
const feeds = (batch: number) => ({ x: { shape: [batch, N], data: new Float32Array(batch * N) } });

/** One value of the chain, computed on a new backend. */
async function runOnce(ort: OnnxRuntime): Promise<number> {
  const backend = await createOnnxBackend({ device: "webgpu", ort });
  try {
    const executable = await backend.compile(chain, chainOptions);
    return (await executable.run(feeds(1))).y!.data[0]!;
  } finally {
    await backend.dispose();
  }
}

/** Destroys the device during a run. Then does what a page can do: dispose everything, and create another backend. */
async function loseDevice() {
  const ort = await loadOrt("webgpu");
  const backend = await createOnnxBackend({ device: "webgpu", ort });
  const executable = await backend.compile(chain, chainOptions);
  const before = (await executable.run(feeds(1))).y!.data[0]!;
  const device = (await ort.env!.webgpu!.device) as { destroy(): void };
  const underWay = failureOf(() => executable.run(feeds(64)));
  await new Promise((resolve) => setTimeout(resolve));
  device.destroy();
  const failures = [await underWay];
  for (let run = 0; run < 2; run++) failures.push(await failureOf(() => executable.run(feeds(1))));
  // The runtime keeps the lost device as long as one of its sessions is open.
  failures.push(await failureOf(() => runOnce(ort)));
  await backend.dispose();
  const disposed = await failureOf(() => executable.run(feeds(1)));
  return { before, failures, disposed, after: await runOnce(ort) };
}

const halfPrecision = () =>
  failureOf(async () => createOnnxBackend({ device: "webgpu", dtype: "fp16", ort: await loadOrt("webgpu") }));

const withoutAdapter = () =>
  failureOf(async () => createOnnxBackend({ device: "webgpu", ort: await loadOrt("webgpu") }));

/** The number of threads of a wasm backend that was asked for some, or why there are none. */
async function threads(asked?: number): Promise<number | string | undefined> {
  let count: number | undefined;
  const failure = await failureOf(async () => {
    const ort = await loadOrt("wasm");
    const backend = await createOnnxBackend({ device: "wasm", ort, ...(asked && { threads: asked }) });
    const executable = await backend.compile(chain, chainOptions);
    await executable.run(feeds(1));
    count = backend.info.threads;
    await backend.dispose();
  });
  return count ?? failure;
}

const pixelsPerImage = tinyConfig.channels * tinyConfig.imageSize[0] * tinyConfig.imageSize[1];
/** Waves with a flatter and a steeper half, so that some images are pruned and some pooled. */
const pixelsOf = (seed: number, batch: number) =>
  Float32Array.from(
    { length: batch * pixelsPerImage },
    (_, i) => Math.sin(seed * i * i + i) * (i % pixelsPerImage < pixelsPerImage / 2 ? 1 : seed),
  );

const modelOn = (backend: OnnxBackend) =>
  createVisionModel({
    config: tinyConfig,
    weights: weightsFrom(randomWeights(tinyConfig, 5)),
    backend,
    reduction: { layers: [0, 1], tokensRemoved: 3, threshold: { scaleFree: 0.6 } },
    outputs: { source: true, scores: true },
  });

/** A runtime whose replays return the recorded outputs, as broken runtimes do. */
const replayingWrongly = (ort: OnnxRuntime): OnnxRuntime => ({
  ...ort,
  InferenceSession: {
    async create(model, options) {
      const session = await ort.InferenceSession.create(model, options);
      if (!options?.enableGraphCapture) return session;
      let recorded: Promise<{ data: Float32Array; dims: readonly number[] }> | undefined;
      const run = async (feeds: Parameters<typeof session.run>[0]) => {
        const { packed } = await session.run(feeds);
        recorded ??= packed!.getData().then((data) => ({ data: data as Float32Array, dims: packed!.dims }));
        const { data, dims } = await recorded;
        return { packed: new ort.Tensor("float32", data.slice(), dims) };
      };
      return Object.assign(Object.create(session), { run, release: () => session.release() });
    },
  },
});

interface CaptureReport {
  readonly info: OnnxInfo;
  /** For each run, the largest difference of any output from the same run without capture. */
  readonly differences: number[];
  readonly policies: string[];
  readonly otherBatch: string;
  /** Number of GPU buffers that the backend made, and of those destroyed when it was disposed. */
  readonly bound: number;
  readonly destroyed: number;
}

/** Runs the tiny model on two images with several inputs, with and without capture. */
async function capture(wrongly: boolean): Promise<CaptureReport> {
  const buffers = watchBuffers();
  const ort = await loadOrt("webgpu");
  const plain = await createOnnxBackend({ device: "webgpu", ort });
  const captured = await createOnnxBackend({
    device: "webgpu",
    ort: wrongly ? replayingWrongly(ort) : ort,
    graphCapture: { batch: 2 },
  });
  const [model, reference] = [await modelOn(captured), await modelOn(plain)];
  const differences: number[] = [];
  const policies: string[] = [];
  for (const seed of [0.1, 0.37, 2, 5, 0.1]) {
    const input = { pixelValues: pixelsOf(seed, 2), batch: 2 };
    const [actual, expected] = [await model.run(input), await reference.run(input)];
    const pairs = [
      [actual.logits, expected.logits],
      [actual.source!, expected.source!],
      ...actual.stages.map((stage, i) => [stage.scores!, expected.stages[i]!.scores!] as const),
    ] as const;
    differences.push(
      Math.max(...pairs.flatMap(([a, b]) => Array.from(b.data, (value, i) => Math.abs(value - a.data[i]!)))),
    );
    policies.push(actual.stages.map((stage) => stage.policies.join()).join(" "));
  }
  const otherBatch = await failureOf(() => model.run({ pixelValues: pixelsOf(1, 3), batch: 3 }));
  const { info } = captured;
  await captured.dispose();
  const { bound, destroyed } = buffers();
  await plain.dispose();
  return { info, differences, policies, otherBatch, bound, destroyed };
}

/** Counts the buffers written from a Float32Array, which the runtime never does, and how many of them were destroyed. */
function watchBuffers(): () => { bound: number; destroyed: number } {
  const bound = new Set<object>();
  const destroyed = new Set<object>();
  const prototypes = globalThis as never as Record<"GPUQueue" | "GPUBuffer", { prototype: Record<string, unknown> }>;
  const { writeBuffer } = prototypes.GPUQueue.prototype as { writeBuffer(...args: unknown[]): void };
  const { destroy } = prototypes.GPUBuffer.prototype as { destroy(): void };
  prototypes.GPUQueue.prototype.writeBuffer = function (this: unknown, ...args: unknown[]) {
    if (args[2] instanceof Float32Array) bound.add(args[0] as object);
    writeBuffer.apply(this, args);
  };
  prototypes.GPUBuffer.prototype.destroy = function (this: object) {
    if (bound.has(this)) destroyed.add(this);
    destroy.apply(this);
  };
  return () => {
    Object.assign(prototypes.GPUQueue.prototype, { writeBuffer });
    Object.assign(prototypes.GPUBuffer.prototype, { destroy });
    return { bound: bound.size, destroyed: destroyed.size };
  };
}

/** Number of GPU buffers after 50 and after 200 runs, and whether the device is released with the last session. */
async function sustain() {
  const live = countBuffers();
  const ort = await loadOrt("webgpu");
  const backend = await createOnnxBackend({ device: "webgpu", ort });
  const executable = await backend.compile(chain, chainOptions);
  const buffers: number[] = [];
  for (let run = 1; run <= 200; run++) {
    await executable.run(feeds(1));
    if (run === 50 || run === 200) buffers.push(live());
  }
  const { lost } = (await ort.env!.webgpu!.device) as { lost: Promise<{ reason: string }> };
  await backend.dispose();
  return { buffers, lost: (await lost).reason };
}

/** Buffers that were created from now on and not destroyed. */
function countBuffers(): () => number {
  const live = new Set<object>();
  const prototypes = globalThis as never as Record<"GPUDevice" | "GPUBuffer", { prototype: Record<string, unknown> }>;
  const { createBuffer } = prototypes.GPUDevice.prototype as { createBuffer(descriptor: unknown): object };
  const { destroy } = prototypes.GPUBuffer.prototype as { destroy(): void };
  prototypes.GPUDevice.prototype.createBuffer = function (this: unknown, descriptor: unknown) {
    const buffer = createBuffer.call(this, descriptor);
    live.add(buffer);
    return buffer;
  };
  prototypes.GPUBuffer.prototype.destroy = function (this: object) {
    live.delete(this);
    destroy.apply(this);
  };
  return () => live.size;
}

/** The decisions about fused attention. */
async function fusedAttention(): Promise<OnnxInfo> {
  const backend = await createOnnxBackend({ device: "webgpu", attention: "fused", ort: await loadOrt("webgpu") });
  await backend.dispose();
  return backend.info;
}

const scenarios = { loseDevice, halfPrecision, withoutAdapter, threads, capture, sustain, fusedAttention };
window.onnx = scenarios;
