/** ONNX Runtime sessions: which runtime and provider serve a device, and programs that run in them. */
import {
  type Executable,
  type HostTensor,
  isPptError,
  makeExecutable,
  PptError,
  type Shape,
  type Tensors,
} from "@ppt-vit/core";
import type { InferenceSession, Tensor } from "onnxruntime-common";

/**
 * `cpu`: native, Node only. `webgpu`: Node (onnxruntime-node) and browsers (onnxruntime-web). `wasm`: anywhere.
 */
export type OnnxDevice = "cpu" | "webgpu" | "wasm";

/** What is used of `onnxruntime-node` or `onnxruntime-web`. */
export interface OnnxRuntime {
  readonly InferenceSession: {
    create(model: Uint8Array, options?: InferenceSession.SessionOptions): Promise<InferenceSession>;
  };
  readonly Tensor: new (type: "float32", data: Float32Array, dims: readonly number[]) => Tensor;
}

const isNode = typeof process === "object" && process.versions?.node !== undefined;

/** The package that serves a device here. */
const packageFor = (device: OnnxDevice): string => {
  if (device === "wasm") return "onnxruntime-web";
  return isNode ? "onnxruntime-node" : "onnxruntime-web";
};

/** @throws PptError BACKEND_UNAVAILABLE where the package is not installed or the device does not exist here. */
export async function loadRuntime(device: OnnxDevice): Promise<OnnxRuntime> {
  if (device === "cpu" && !isNode)
    throw new PptError(
      "BACKEND_UNAVAILABLE",
      "device 'cpu' is native code and needs Node: pass device 'wasm' or 'webgpu'",
    );
  const name = packageFor(device);
  try {
    if (name === "onnxruntime-node") return await import("onnxruntime-node");
    return device === "webgpu" ? await import("onnxruntime-web/webgpu") : await import("onnxruntime-web");
  } catch (cause) {
    throw new PptError("BACKEND_UNAVAILABLE", `device '${device}' needs ${name}: npm install ${name}`, { cause });
  }
}

/** The first line of what ONNX Runtime says, without the place in its own source that it begins with. */
function shortReason(cause: unknown): string {
  const [first] = (cause instanceof Error ? cause.message : String(cause)).split("\n");
  return first!.replace(/^\/\S+:\d+ .* was false\. /, "");
}

/** Names a failure to create a session by what can be done about it. */
function sessionError(device: OnnxDevice, cause: unknown): PptError {
  const reason = shortReason(cause);
  const advice =
    device === "webgpu"
      ? "no usable WebGPU adapter, or it refused the model: pass device 'wasm' or 'cpu'"
      : "ONNX Runtime refused the model";
  return new PptError("BACKEND_UNAVAILABLE", `device '${device}': ${advice} (${reason})`, { cause });
}

export interface SessionRequest {
  readonly runtime: OnnxRuntime;
  readonly device: OnnxDevice;
  readonly model: Uint8Array;
  readonly inputs: Readonly<Record<string, Shape>>;
  readonly sessionOptions: InferenceSession.SessionOptions;
}

/** An executable over one session. Outputs are read back in `run`, and their device memory is released there. */
export async function openSession(request: SessionRequest): Promise<Executable> {
  const { runtime, device, model, inputs, sessionOptions } = request;
  const session = await runtime.InferenceSession.create(model, {
    executionProviders: [device],
    ...sessionOptions,
  }).catch((cause: unknown) => {
    throw sessionError(device, cause);
  });

  return makeExecutable({
    inputs,
    async run(feeds) {
      const fed = Object.fromEntries(
        session.inputNames.map((name) => [name, new runtime.Tensor("float32", feeds[name]!.data, feeds[name]!.shape)]),
      );
      try {
        const outputs = await session.run(fed);
        return await readOutputs(outputs);
      } catch (cause) {
        if (isPptError(cause)) throw cause;
        const reason = shortReason(cause);
        throw new PptError("BACKEND_UNAVAILABLE", `run on device '${device}' failed: ${reason}`, { cause });
      } finally {
        for (const tensor of Object.values(fed)) tensor.dispose();
      }
    },
    dispose: () => session.release(),
  });
}

async function readOutputs(outputs: InferenceSession.OnnxValueMapType): Promise<Tensors<HostTensor>> {
  const read = Object.entries(outputs).map(async ([name, value]): Promise<[string, HostTensor]> => {
    const tensor = value as Tensor;
    const data = await tensor.getData(true);
    const host = { shape: [...tensor.dims], data: data as Float32Array };
    tensor.dispose();
    return [name, host];
  });
  return Object.fromEntries(await Promise.all(read));
}
