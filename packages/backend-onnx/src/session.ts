/** ONNX Runtime sessions, and programs that run in them. */
import type { PptError } from "@ppt-vit/core";
import {
  type Executable,
  type HostTensor,
  makeExecutable,
  namingViolations,
  type Shape,
  type Tensors,
} from "@ppt-vit/core/backend";
import type { OnnxDevice } from "./devices.js";
import { gpuDevice } from "./gpu.js";
import { placeWeights } from "./place-weights.js";
import type { WeightBeside } from "./proto.js";
import { runtimeError } from "./reasons.js";
import type { OnnxRuntime, OnnxSession, OnnxSessionOptions, OnnxTensor } from "./runtime-types.js";

export interface SessionRequest {
  readonly runtime: OnnxRuntime;
  readonly device: OnnxDevice;
  readonly model: Uint8Array;
  /** The weights that `model` refers to instead of holding them. */
  readonly beside: readonly WeightBeside[];
  readonly inputs: Readonly<Record<string, Shape>>;
  readonly sessionOptions: OnnxSessionOptions;
}

/** @throws PptError BACKEND_UNAVAILABLE, OUT_OF_MEMORY or DEVICE_LOST, depending on the runtime's error. */
export async function createSession(request: SessionRequest): Promise<OnnxSession> {
  const { runtime, device, model, beside, sessionOptions } = request;
  const advice =
    device === "webgpu"
      ? "no usable WebGPU adapter, or it refused the model: pass device 'wasm' or 'cpu'"
      : "ONNX Runtime refused the model";
  const create = async () => {
    const placed = await placeWeights(runtime, device, beside, sessionOptions);
    try {
      return await runtime.InferenceSession.create(model, {
        executionProviders: [device],
        ...placed.options,
        ...sessionOptions,
        ...(device === "cpu" && { extra: withEntries(restBetweenRuns(sessionOptions.extra), placed.options.extra) }),
      });
    } finally {
      placed.release();
    }
  };
  const opened = namingViolations(`opening the model on device '${device}'`, () =>
    device === "cpu" ? create() : inTurn(runtime, create),
  );
  return opened.catch((cause: unknown) => {
    throw runtimeError("opening the model", device, cause, advice);
  });
}

/** `extra` of a session with further entries, which come first. */
function withEntries(extra: Record<string, unknown>, more: OnnxSessionOptions["extra"] = {}): Record<string, unknown> {
  const sessions = [extra.session, more.session].filter((one) => typeof one === "object" && one !== null);
  return { ...extra, session: Object.assign({}, ...sessions) };
}

const lastOpened = new WeakMap<OnnxRuntime, Promise<unknown>>();

/**
 * Opens one session of ONNX Runtime Web after the other. It keeps the data beside models in one table by name, and empties the
 * table when any session is open. A second session would find no weights, or those of the first.
 */
function inTurn(runtime: OnnxRuntime, create: () => Promise<OnnxSession>): Promise<OnnxSession> {
  const opened = (lastOpened.get(runtime) ?? Promise.resolve()).then(create);
  lastOpened.set(
    runtime,
    opened.catch(() => {}),
  );
  return opened;
}

/**
 * Session settings that let native threads rest as soon as a run ends. By default they spin for about ten milliseconds, on the
 * cores that decode the next pictures.
 */
function restBetweenRuns(entries: OnnxSessionOptions["extra"]): Record<string, unknown> {
  const session = entries?.session;
  return { ...entries, session: { force_spinning_stop: "1", ...(typeof session === "object" && session) } };
}

/** Releases the session if `prepared` rejects. */
export async function releasedOnFailure<R>(session: OnnxSession, prepared: Promise<R>): Promise<R> {
  try {
    return await prepared;
  } catch (error) {
    await session.release();
    throw error;
  }
}

/**
 * An executable over one session. `run` reads the outputs back and releases their device memory.
 * A run throws PptError OUT_OF_MEMORY, after which smaller runs work, or DEVICE_LOST, after which no run works.
 */
export async function openSession(request: SessionRequest): Promise<Executable> {
  const { runtime, inputs } = request;
  const session = await createSession(request);
  // No closure made here may refer to `request`: it would keep the parameters in memory as long as the executable lives.
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
 * Wraps the runs of a session that was just created: failures become PptErrors, and after the device is lost nothing runs any
 * more, because ONNX Runtime Web would block the page forever.
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

/** Copies the outputs to host memory and releases them on the device. */
export async function readOutputs(outputs: { readonly [name: string]: OnnxTensor }): Promise<Tensors<HostTensor>> {
  const read = Object.entries(outputs).map(async ([name, tensor]): Promise<[string, HostTensor]> => {
    try {
      const data = await tensor.getData(true);
      return [name, { shape: [...tensor.dims], data: data as Float32Array }];
    } finally {
      tensor.dispose();
    }
  });
  return Object.fromEntries(await Promise.all(read));
}
