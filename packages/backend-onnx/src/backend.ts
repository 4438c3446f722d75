/** The ONNX Runtime backend. A program is traced once into a static graph, which runs on CPU, WebGPU or wasm. */
import { hostTensor, PptError } from "@ppt-vit/core";
import {
  type Backend,
  type BackendDescriptor,
  type CompileOptions,
  checkProgram,
  type Executable,
  type HostTensor,
  type Program,
  type Quantized,
  requireWebAssembly,
  type Tensors,
} from "@ppt-vit/core/backend";
import { type Checks, check, checkOptions, count, found, object, oneOf, shaped } from "@ppt-vit/core/options";
import { name as packageName, version } from "../package.json";
import { type CaptureCheck, openCaptured, packOutputs } from "./capture.js";
import { fusionFor } from "./device-kinds.js";
import { devices, type OnnxDevice } from "./devices.js";
import { checkAdapter, sortsOnGpu } from "./gpu.js";
import { integerChecks } from "./integer-check.js";
import type { IntegerProducts } from "./integer-products.js";
import { isNode, type LoadRuntime } from "./runtime.js";
import type { OnnxRuntime, OnnxSessionOptions } from "./runtime-types.js";
import { compareAttention, type SelfCheck } from "./self-check.js";
import { openSession, type SessionRequest } from "./session.js";
import { settleThreads } from "./threads.js";
import { traceProgram } from "./trace.js";

export interface OnnxBackendOptions {
  /** Default `cpu` in Node, `wasm` elsewhere. */
  readonly device?: OnnxDevice | undefined;
  /** `onnxruntime-node` or `onnxruntime-web`. Loaded by device when left out. */
  readonly ort?: OnnxRuntime | undefined;
  /** Precision of parameters and activations; scores and variances stay float32. Default `fp32`. */
  readonly dtype?: "fp32" | "fp16" | undefined;
  /**
   * `fused` computes attention with one operator, `decomposed` with several. Default: fused on `cpu` and `wasm`, decomposed
   * on `webgpu`, where some devices compute the operator wrongly and report no error (docs/decisions/0005-onnx.md). With
   * `fused`, both ways are first compared on the device. If they disagree, attention is decomposed: see
   * `info.attentionCheck`.
   */
  readonly attention?: "fused" | "decomposed" | undefined;
  /**
   * Number of threads of `cpu` and `wasm`. Default: the runtime decides. All wasm sessions of a page share their threads,
   * and the first session sets the number. More than one thread needs a cross-origin isolated page.
   */
  readonly threads?: number | undefined;
  /**
   * WebGPU in browsers: records the GPU's commands once and replays them. Runs then take this batch only. Each program is
   * checked while it is compiled. If a replay is wrong, the program runs without capture: see `info.graphCapture`.
   */
  readonly graphCapture?: { readonly batch: number } | undefined;
  /** Passed to ONNX Runtime unchanged. */
  readonly sessionOptions?: OnnxSessionOptions | undefined;
}

/** The settings that a backend works with. */
export interface OnnxInfo {
  readonly device: OnnxDevice;
  readonly dtype: "fp32" | "fp16";
  /** How attention is computed. */
  readonly attention: "fused" | "decomposed";
  /** Only with `attention: "fused"`: how fused and decomposed attention compare on this device. */
  readonly attentionCheck?: SelfCheck;
  /**
   * Once a program with quantised weights is compiled: how their products compare with those of floats on this device, for
   * 8 bits (`rows`) and for 4 bits (`blocks`). Where they disagree, the floats are used.
   */
  readonly integerChecks?: Readonly<Partial<Record<Quantized["kind"], SelfCheck>>>;
  /** Known for `cpu` if the options set it, and for `wasm` once the first program is compiled. */
  readonly threads?: number;
  /** What a GPU launches in a run of the program compiled last. A launch costs microseconds, whatever it computes. */
  readonly kernels?: number;
  /** Only with `graphCapture`: for each program compiled so far, whether its runs are replayed, or why not. */
  readonly graphCapture?: readonly CaptureCheck[];
}

export interface OnnxBackend extends Backend {
  /** The state at the time of reading. Compiling a program may change it. */
  readonly info: OnnxInfo;
}

/** The descriptor of one device, whose runtime comes from `loadRuntime`. */
export function describeBackend(device: OnnxDevice, loadRuntime: LoadRuntime): BackendDescriptor {
  const { device: _, provider: __, ...facts } = devices.find((one) => one.device === device)!;
  return { ...facts, open: () => openBackend({ device }, loadRuntime) };
}

/** One descriptor for each device. `create` is the entry's own `createOnnxBackend`. */
export const describeBackends = (create: (options: OnnxBackendOptions) => Promise<Backend>): BackendDescriptor[] =>
  devices.map((description) => ({ ...description, open: () => create({ device: description.device }) }));

const defaultDevice = (): OnnxDevice => (isNode ? "cpu" : "wasm");

/** Largest difference between fused and decomposed attention that counts as equal, relative to the largest value. */
const attentionTolerance = { fp32: 1e-4, fp16: 1e-2 };

/** Largest difference between a replay and an ordinary run. With fixed shapes the runtime may choose other kernels. */
const captureTolerance = attentionTolerance;

/** Runs a tiny program. It fails if the device lacks something that every program needs. */
async function runProbe(backend: Pick<Backend, "compile">): Promise<void> {
  const square: Program = (ops, _params, { x }) => ({ y: ops.mul(x!, x!) });
  const executable = await backend.compile(square, { params: {}, inputs: { x: [-1, 4] } });
  try {
    await executable.run({ x: hostTensor([1, 4], (i) => i) });
  } finally {
    await executable.dispose();
  }
}

/** Node is refused because onnxruntime-node 1.30 has no GPU buffers to bind and ends the process when it captures. */
function checkCapture(batch: number, device: OnnxDevice): void {
  if (device !== "webgpu" || isNode)
    throw new PptError(
      "INVALID_OPTION",
      `graphCapture needs device 'webgpu' in a browser (onnxruntime-node binds no GPU buffers); here it is '${device}'${isNode ? " in Node" : ""}: leave graphCapture out`,
    );
  if (!(Number.isInteger(batch) && batch > 0))
    throw new PptError(
      "INVALID_OPTION",
      `graphCapture.batch is ${found(batch)}: pass the number of images of every run`,
    );
}

/** The field `runtime` of a backend. It is left out where a runtime of the caller's own does not tell its version. */
function runtimeOf({ env }: OnnxRuntime): Pick<Backend, "runtime"> {
  const { node, web } = env?.versions ?? {};
  const found = node ? `onnxruntime-node ${node}` : web && `onnxruntime-web ${web}`;
  return found ? { runtime: `${packageName} ${version}, ${found}` } : {};
}

interface TraceSettings {
  readonly device: OnnxDevice;
  readonly dtype: "fp32" | "fp16";
  readonly fused: boolean;
  readonly integers: IntegerProducts;
  readonly sorting: boolean;
}

/** A function outside `compile`, so that no closure of an executable keeps the parameters in memory. */
function trace(
  program: Program,
  { device, dtype, fused, integers, sorting, ...options }: CompileOptions & TraceSettings,
): Pick<SessionRequest, "model" | "beside"> & { readonly kernels: number } {
  const onCpu = device !== "webgpu";
  const { bytes, beside, kernels } = traceProgram(program, {
    ...options,
    dtype: dtype === "fp32" ? "float32" : "float16",
    fusion: { ...fusionFor(onCpu ? "cpu" : "gpu", fused), integers, sorting: !onCpu && sorting },
    // WebGPU was measured with transposed weights in the file (docs/decisions/0007-hub.md).
    weights: onCpu ? "beside" : "inside",
  });
  return { model: bytes, beside, kernels: kernels.total };
}

const optionChecks: Checks<OnnxBackendOptions> = {
  device: oneOf(devices.map(({ device }) => device)),
  ort: shaped("ONNX Runtime, as `import * as ort from 'onnxruntime-web'` gives it", {
    InferenceSession: (value) => typeof (value as OnnxRuntime["InferenceSession"])?.create === "function",
    Tensor: (value) => typeof value === "function",
  }),
  dtype: check(
    "one of 'fp32', 'fp16'; for weights in 8 or 4 bits write fromPretrained(model, { dtype: 'q8' })",
    oneOf(["fp32", "fp16"]).holds,
  ),
  attention: oneOf(["fused", "decomposed"]),
  threads: count(),
  graphCapture: object,
  sessionOptions: object,
};
const misnamed = {
  numThreads: "write 'threads'",
  executionProviders: "write 'device', or pass it in sessionOptions",
};

/** `createOnnxBackend`, with runtimes that come from `loadRuntime`. */
export async function openBackend(given: OnnxBackendOptions, loadRuntime: LoadRuntime): Promise<OnnxBackend> {
  const options = checkOptions("createOnnxBackend", given, optionChecks, { misnamed });
  const { device = defaultDevice(), dtype = "fp32", graphCapture } = options;
  if (graphCapture) checkCapture(graphCapture.batch, device);
  // ONNX Runtime Web is WebAssembly for all its devices.
  if (device === "wasm" || !isNode) requireWebAssembly(`device '${device}' of ONNX Runtime`);
  const runtime = options.ort ?? (await loadRuntime(device));
  const threads = settleThreads(runtime, device, options);
  const sessionOptions = { ...threads.sessionOptions, ...options.sessionOptions };
  if (device === "webgpu" && !isNode) await checkAdapter(dtype, sessionOptions);
  const captures: CaptureCheck[] = [];
  const executables = new Set<Executable>();
  let kernels: number | undefined;
  let disposed = false;

  const assertLive = () => {
    if (disposed) throw new PptError("DISPOSED", "compile: this ONNX backend was disposed; create another");
  };
  async function compile(
    program: Program,
    options: CompileOptions,
    fused: boolean,
    integers: IntegerProducts,
    batch?: number,
  ) {
    const { params, inputs } = options;
    const settings = { params, inputs, device, dtype, fused, integers, sorting: sortsOnGpu(runtime) };
    const { kernels: count, ...traced } = trace(program, settings);
    kernels = count;
    const request = { runtime, device, ...traced, inputs, sessionOptions };
    let executable: Executable;
    if (batch === undefined) executable = await openSession(request);
    else {
      const { packed, unpack } = packOutputs(program);
      const captured = await openCaptured(
        request,
        { model: trace(packed, settings).model, unpack },
        batch,
        captureTolerance[dtype],
      );
      captures.push(captured.check);
      executable = captured.executable;
    }
    if (disposed) await executable.dispose();
    assertLive();
    executables.add(executable);
    return {
      run: (feeds: Tensors<HostTensor>) => executable.run(feeds),
      async dispose() {
        executables.delete(executable);
        await executable.dispose();
      },
    };
  }
  const compiling = (fused: boolean): Pick<Backend, "compile"> => ({
    compile: (program, options) => compile(program, options, fused, {}),
  });

  // Node has no adapter object to ask for 'shader-f16'.
  if (device === "webgpu" && dtype === "fp16" && isNode) await runProbe(compiling(false));
  const attentionCheck =
    options.attention === "fused"
      ? await compareAttention(compiling(true), compiling(false), attentionTolerance[dtype], device !== "webgpu")
      : undefined;
  const fused = attentionCheck ? attentionCheck.agrees : options.attention === undefined && device !== "webgpu";

  const name = `onnx-${device}`;
  const checks = integerChecks(
    name,
    fusionFor(device === "webgpu" ? "gpu" : "cpu").integers ?? {},
    dtype === "fp32" ? "float32" : "float16",
    (products) => ({ compile: (program, options) => compile(program, options, fused, products) }),
  );

  return {
    specVersion: 1,
    name,
    capabilities: {
      precision: dtype === "fp32" ? "float32" : "reduced",
      // The matrix products split their sums by the number of rows.
      batchInvariant: false,
      // Shader compilers may assume that infinities and NaN do not occur.
      nonFinite: device !== "webgpu",
    },
    ...runtimeOf(runtime),
    get info() {
      const count = threads.count();
      return {
        device,
        dtype,
        attention: fused ? "fused" : "decomposed",
        ...(attentionCheck && { attentionCheck }),
        ...(Object.keys(checks.results).length > 0 && { integerChecks: { ...checks.results } }),
        ...(count && { threads: count }),
        ...(kernels !== undefined && { kernels }),
        ...(graphCapture && { graphCapture: [...captures] }),
      } satisfies OnnxInfo;
    },
    async compile(program, options) {
      assertLive();
      checkProgram(program, options);
      const { products, notices } = await checks.settle(options.params);
      const executable = await compile(program, options, fused, products, graphCapture?.batch);
      return { ...executable, ...(notices.length > 0 && { notices }) };
    },

    async dispose() {
      disposed = true;
      await Promise.all([...executables].map((executable) => executable.dispose()));
      executables.clear();
    },
  };
}
