/** ONNX Runtime sessions, and programs that run in them. */
import {
  type Executable,
  type HostTensor,
  makeExecutable,
  namingViolations,
  type PptError,
  type Shape,
  type Tensors,
} from "@ppt-vit/core";
import type { InferenceSession, Tensor } from "onnxruntime-common";
import type { OnnxDevice } from "./devices.js";
import { gpuDevice } from "./gpu.js";
import type { ExternalData } from "./proto.js";
import { runtimeError } from "./reasons.js";
import type { OnnxRuntime } from "./runtime.js";

export interface SessionRequest {
  readonly runtime: OnnxRuntime;
  readonly device: OnnxDevice;
  readonly model: Uint8Array;
  /** What `model` refers to. */
  readonly beside: readonly ExternalData[];
  readonly inputs: Readonly<Record<string, Shape>>;
  readonly sessionOptions: InferenceSession.SessionOptions;
}

/** @throws PptError BACKEND_UNAVAILABLE, OUT_OF_MEMORY or DEVICE_LOST, by what the runtime says. */
export async function createSession(request: SessionRequest): Promise<InferenceSession> {
  const { runtime, device, model, beside, sessionOptions } = request;
  const advice =
    device === "webgpu"
      ? "no usable WebGPU adapter, or it refused the model: pass device 'wasm' or 'cpu'"
      : "ONNX Runtime refused the model";
  const externalData = beside.length > 0 ? { externalData: beside } : {};
  const create = () =>
    runtime.InferenceSession.create(model, {
      executionProviders: [device],
      ...externalData,
      ...sessionOptions,
      ...(device === "cpu" && { extra: restBetweenRuns(sessionOptions.extra) }),
    });
  return namingViolations(`opening the model on device '${device}'`, create).catch((cause: unknown) => {
    throw runtimeError("opening the model", device, cause, advice);
  });
}

/**
 * Session entries under which native threads rest as soon as a run ends. By default they would go on looking for work
 * for some ten milliseconds, on the cores that decode the next pictures.
 */
function restBetweenRuns(entries: InferenceSession.SessionOptions["extra"]): Record<string, unknown> {
  const session = entries?.session;
  return { ...entries, session: { force_spinning_stop: "1", ...(typeof session === "object" && session) } };
}

/** What is prepared for a session. Nobody else can release it when that fails. */
export async function releasedOnFailure<R>(session: InferenceSession, prepared: Promise<R>): Promise<R> {
  try {
    return await prepared;
  } catch (error) {
    await session.release();
    throw error;
  }
}

/**
 * An executable over one session. Outputs are read back in `run`, and their device memory is released there.
 * Its runs throw PptError OUT_OF_MEMORY, after which smaller ones work, and DEVICE_LOST, after which none does.
 */
export async function openSession(request: SessionRequest): Promise<Executable> {
  const { runtime, inputs } = request;
  const session = await createSession(request);
  // No function made here may refer to `request`: it would keep the parameters as long as the executable lives.
  const guarded = await releasedOnFailure(session, guardRuns(request));
  return makeExecutable({
    inputs,
    run: (feeds) =>
      guarded(async () => {
        const fed = Object.fromEntries(
          session.inputNames.map((name) => [
            name,
            new runtime.Tensor("float32", feeds[name]!.data, feeds[name]!.shape),
          ]),
        );
        try {
          return await readOutputs(await session.run(fed));
        } finally {
          for (const tensor of Object.values(fed)) tensor.dispose();
        }
      }),
    dispose: () => session.release(),
  });
}

/**
 * Names what fails in a run, and runs nothing once the device of a session just created is lost: ONNX Runtime Web would
 * block the page for good.
 */
export async function guardRuns({
  runtime,
  device,
  sessionOptions,
}: SessionRequest): Promise<<R>(run: () => Promise<R>) => Promise<R>> {
  let lost: PptError | undefined;
  const gpu = device === "webgpu" ? await gpuDevice(runtime, sessionOptions) : undefined;
  void gpu?.lost.then(({ message }) => {
    lost ??= runtimeError("run", device, `GPUDevice.lost: ${message}`, "");
  });
  return async (run) => {
    if (lost) throw lost;
    try {
      return await run();
    } catch (cause) {
      const error = runtimeError("run", device, cause, "see the cause");
      if (error.code === "DEVICE_LOST") lost ??= error;
      throw error;
    }
  };
}

/** Outputs in host memory. */
export async function readOutputs(outputs: InferenceSession.OnnxValueMapType): Promise<Tensors<HostTensor>> {
  const read = Object.entries(outputs).map(async ([name, value]): Promise<[string, HostTensor]> => {
    const tensor = value as Tensor;
    try {
      const data = await tensor.getData(true);
      return [name, { shape: [...tensor.dims], data: data as Float32Array }];
    } finally {
      tensor.dispose();
    }
  });
  return Object.fromEntries(await Promise.all(read));
}
