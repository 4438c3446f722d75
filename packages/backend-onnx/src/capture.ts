/** Graph capture: the GPU's commands of one run are recorded and replayed later, for one fixed batch. Browsers only. */
import { hostTensor, PptError } from "@ppt-vit/core";
import {
  type Executable,
  type HostTensor,
  makeExecutable,
  type Program,
  type Shape,
  sizeOf,
  type Tensors,
} from "@ppt-vit/core/backend";
import { gpuDevice } from "./gpu.js";
import type { OnnxSession, OnnxSessionOptions } from "./runtime-types.js";
import { relativeDifference, type SelfCheck } from "./self-check.js";
import {
  createSession,
  guardRuns,
  openSession,
  readOutputs,
  releasedOnFailure,
  type SessionRequest,
} from "./session.js";
import { batchDimension } from "./trace.js";

/**
 * Whether the runs of a program are replayed. If `agrees` is false, they run without capture, and `reason` or `difference`
 * says why. `difference` is the largest one between replayed and ordinary runs, over the largest value of that output.
 */
export type CaptureCheck = SelfCheck;

/** GPUBufferUsage.STORAGE, COPY_DST, and COPY_SRC, which runtimes need if they copy their inputs. */
const storageToWrite = 128 | 8 | 4;

/**
 * An executable for `batch` images. The first run is recorded and later runs are replayed. Replays can be wrong
 * (onnxruntime issue 29594), so two inputs are also computed by a session without capture. If the results differ by more than
 * `tolerance`, or if capture fails, the executable is that other session.
 */
export async function openCaptured(
  request: SessionRequest,
  { model, unpack }: { readonly model: Uint8Array; unpack(flat: HostTensor): Tensors<HostTensor> },
  batch: number,
  tolerance: number,
): Promise<{ executable: Executable; check: CaptureCheck }> {
  const plain = await openSession(request);
  let captured: Executable | undefined;
  let check: CaptureCheck;
  try {
    const [first, second] = [feedsOf(request, batch, 0.37), feedsOf(request, batch, 0.73)];
    const expected = [await plain.run(first), await plain.run(second)] as const;
    try {
      captured = await captureSession({ ...request, model }, batch, unpack);
      let difference = 0;
      // Recorded; replayed with other values; replayed with the recorded ones.
      for (const [feeds, wanted] of [
        [first, expected[0]],
        [second, expected[1]],
        [first, expected[0]],
      ] as const)
        difference = Math.max(difference, largestDifference(await captured.run(feeds), wanted));
      check = Number.isFinite(difference)
        ? { agrees: difference < tolerance, difference }
        : { agrees: false, reason: "a replay gives NaN, or values where zeros belong" };
    } catch (error) {
      check = { agrees: false, reason: (error as Error).message };
    }
  } catch (error) {
    await plain.dispose();
    throw error;
  }
  const used = check.agrees ? captured! : plain;
  await (check.agrees ? plain : captured)?.dispose();
  return { executable: ofBatch(request, batch, used), check };
}

/** A sine wave for every input; `step` is its phase per element. */
const feedsOf = ({ inputs }: SessionRequest, batch: number, step: number): Tensors<HostTensor> =>
  Object.fromEntries(
    Object.entries(fixed(inputs, batch)).map(([name, shape]) => [name, hostTensor(shape, (i) => Math.sin(step * i))]),
  );

const fixed = (inputs: SessionRequest["inputs"], batch: number): SessionRequest["inputs"] =>
  Object.fromEntries(Object.entries(inputs).map(([name, shape]) => [name, shape.map((n) => (n === -1 ? batch : n))]));

const largestDifference = (actual: Tensors<HostTensor>, expected: Tensors<HostTensor>): number =>
  Math.max(...Object.entries(expected).map(([name, { data }]) => relativeDifference(actual[name]!.data, data)));

/** Refuses other batches, also if the runs are not captured: what users see must not depend on the check. */
function ofBatch({ inputs }: SessionRequest, batch: number, executable: Executable): Executable {
  return {
    run(feeds) {
      for (const [name, shape] of Object.entries(inputs))
        if (shape[0] === -1 && feeds[name] && feeds[name].shape[0] !== batch)
          return Promise.reject(
            new PptError(
              "INVALID_INPUT",
              `run: input '${name}' holds ${feeds[name].shape[0]} images, but graphCapture fixed the batch at ${batch}: fill it up, or use a backend without graphCapture`,
            ),
          );
      return executable.run(feeds);
    },
    dispose: () => executable.dispose(),
  };
}

/**
 * The program with one output `packed` [B, F], which holds all its outputs side by side. While ONNX Runtime 1.30 records a
 * program with several outputs, it reuses the memory of all but the last one.
 */
export function packOutputs(program: Program): {
  readonly packed: Program;
  /** The outputs of the original program. Call it after the packed program has been traced. */
  unpack(flat: HostTensor): Tensors<HostTensor>;
} {
  const layout: { name: string; shape: Shape; start: number; length: number }[] = [];
  return {
    packed(ops, params, inputs) {
      const results = Object.entries(program(ops, params, inputs));
      let start = 0;
      for (const [name, { shape }] of results) {
        const length = Math.abs(sizeOf(shape)); // the free batch is -1
        layout.push({ name, shape, start, length });
        start += length;
      }
      const total = start;
      const spread = results.map(([, x], i) => {
        const { start, length, shape } = layout[i]!;
        const row = ops.reshape(ops.cast(x, "float32"), [shape[0] === -1 ? -1 : 1, length]);
        return ops.pad(row, 1, start, total - start - length);
      });
      return { packed: spread.reduce((sum, row) => ops.add(sum, row)) };
    },
    unpack({ shape: [batch = 0, total = 0], data }) {
      const outputs = layout.map(({ name, shape, start, length }): [string, HostTensor] => {
        const rows = shape[0] === -1 ? batch : 1;
        const values = new Float32Array(rows * length);
        for (let row = 0; row < rows; row++)
          values.set(data.subarray(row * total + start, row * total + start + length), row * length);
        return [name, { shape: shape.map((n) => (n === -1 ? batch : n)), data: values }];
      });
      return Object.fromEntries(outputs);
    },
  };
}

/** A guard for the runs of a session, its device, and a buffer on the device for every input. */
async function bindInputs(request: SessionRequest, { inputNames }: OnnxSession, batch: number) {
  const { runtime, sessionOptions } = request;
  const inputs = fixed(request.inputs, batch);
  const guarded = await guardRuns(request);
  const gpu = await gpuDevice(runtime, sessionOptions);
  if (!gpu || !runtime.Tensor.fromGpuBuffer)
    throw new PptError("BACKEND_UNAVAILABLE", "the runtime shows no WebGPU device to bind buffers of");
  const bound = inputNames.map((name) => {
    const dims = inputs[name]!;
    // Kernels read four values at a time.
    const buffer = gpu.createBuffer({ size: Math.ceil(sizeOf(dims) / 4) * 16, usage: storageToWrite });
    return { name, buffer, tensor: runtime.Tensor.fromGpuBuffer!(buffer, { dataType: "float32", dims }) };
  });
  return { guarded, gpu, bound };
}

/** A session that records its first run. */
async function captureSession(
  request: SessionRequest,
  batch: number,
  unpack: (flat: HostTensor) => Tensors<HostTensor>,
): Promise<Executable> {
  const sessionOptions = captureOptions(request.sessionOptions, batch);
  const session = await createSession({ ...request, sessionOptions });
  const { guarded, gpu, bound } = await releasedOnFailure(session, bindInputs(request, session, batch));
  const fed = Object.fromEntries(bound.map(({ name, tensor }) => [name, tensor]));

  return makeExecutable({
    inputs: fixed(request.inputs, batch),
    run: (feeds) =>
      guarded(async () => {
        for (const { name, buffer } of bound) gpu.queue.writeBuffer(buffer, 0, feeds[name]!.data);
        // The runtime allocates the output once. A buffer of ours would be bound for the first run only.
        return unpack((await readOutputs(await session.run(fed))).packed!);
      }),
    async dispose() {
      // The recorded commands refer to the buffers, so the session goes first.
      await session.release();
      for (const { buffer } of bound) buffer.destroy();
    },
  });
}

/** The runtime captures only if the provider is an object, so a name becomes one. */
const captureOptions = (
  { executionProviders = ["webgpu"], ...options }: OnnxSessionOptions,
  batch: number,
): OnnxSessionOptions => ({
  ...options,
  executionProviders: executionProviders.map((one) => (typeof one === "string" ? { name: one } : one)),
  enableGraphCapture: true,
  preferredOutputLocation: "gpu-buffer",
  freeDimensionOverrides: { ...options.freeDimensionOverrides, [batchDimension]: batch },
});
