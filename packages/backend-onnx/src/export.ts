/** Model files for other engines: writes a traced model with a record of its reduction. */
import {
  type ExportOutput,
  exportOutputsOf,
  modelCost,
  PptError,
  prepareVisionProgram,
  type ReductionConfig,
  type ResolvedReduction,
  type VisionModelConfig,
  type WeightSource,
  writtenReduction,
} from "@ppt-vit/core";
import { type HostTensor, type Shape, sizeOf } from "@ppt-vit/core/backend";
import { arrayOf, type Checks, checkOptions, flag, object, oneOf } from "@ppt-vit/core/options";
import { type DeviceKind, deviceKindNames, deviceKinds, fusionFor, standardFusionFor } from "./device-kinds.js";
import { type ExportDtype, exportDtype, exportDtypeNames } from "./export-dtypes.js";
import { checkedOutputs, namingOutputs, outputOptions, poolerOf } from "./export-outputs.js";
import { type ExportMetadata, metadataKey } from "./inspect.js";
import type { KernelCount } from "./kernels.js";
import { traceProgram } from "./trace.js";

/** Options of `exportOnnx`. */
export interface OnnxExportOptions {
  readonly config: VisionModelConfig;
  readonly weights: WeightSource;
  /** Leave out to export the unreduced model. */
  readonly reduction?: ReductionConfig | ResolvedReduction | undefined;
  /**
   * Precision inside the model. Input and outputs are always float32, as transformers.js expects. `q8` and `q4` take the
   * weights of linear layers as integers of 8 and 4 bits, `q4f16` with activations in half precision. Default `float32`.
   */
  readonly dtype?: ExportDtype | undefined;
  /**
   * The devices that the file is made for. It gives the same answers on all, but not as fast: on a GPU, operators that only
   * CPUs have cost copies. Default: `any` for float32, `cpu` for q8, else `gpu`.
   */
  readonly for?: DeviceKind | undefined;
  /** Standard ONNX operators only, for engines other than ONNX Runtime. Default false. */
  readonly portable?: boolean | undefined;
  /**
   * What the file computes. Default: all that the model has, so that it serves every task. Without `last_hidden_state` and
   * `pooler_output` the last block computes only the rows that the classifier reads.
   */
  readonly outputs?: readonly ExportOutput[] | undefined;
  /** Adds the output `source`, which needs a reduction. Default false. */
  readonly withSourceMap?: boolean | undefined;
}

/** An exported model. */
export interface OnnxExport {
  /**
   * An `.onnx` file: pixel_values [B, channels, H, W] -> `outputs`. See `ExportOutput` for what they are. pooler_output is the
   * checkpoint's own pooler if it has one, else what its head reads. `withSourceMap` adds source [B, N', N0].
   */
  readonly bytes: Uint8Array;
  readonly outputs: readonly string[];
  /** Shape of each output; -1 is the batch. */
  readonly shapes: Readonly<Record<string, Shape>>;
  readonly nodes: number;
  /** What a GPU launches in a run. */
  readonly kernels: KernelCount;
  readonly metadata: ExportMetadata;
}

/** A protobuf file holds 2 GiB at most. This leaves 16 MiB for the nodes. */
const mostWeightBytes = 2 ** 31 - 2 ** 24;

const optionChecks: Checks<OnnxExportOptions> = {
  config: object,
  weights: object,
  reduction: object,
  dtype: oneOf(exportDtypeNames),
  for: oneOf(deviceKindNames),
  portable: flag,
  withSourceMap: flag,
  outputs: arrayOf("names of outputs", (name) => typeof name === "string"),
};
const misnamed = { opset: "it is 18, or 23 in files for CPUs", task: "name the outputs", device: "write 'for'" };

/**
 * A model as one `.onnx` file with a free batch.
 * @throws PptError INVALID_REDUCTION, INVALID_WEIGHTS; INVALID_OPTION where the source map or the size is impossible
 */
export function exportOnnx(options: OnnxExportOptions): OnnxExport {
  const { config, weights, reduction, ...settings } = checkOptions("exportOnnx", options, optionChecks, {
    required: ["config", "weights"],
    misnamed,
  });
  const { dtype = "float32", portable = false, withSourceMap = false } = settings;
  const { activations, quantize, for: usually } = exportDtype(dtype);
  const devices = settings.for ?? usually;
  if (portable) refuseUnportable(dtype, devices);
  const outputs = checkedOutputs(config, settings.outputs ?? exportOutputsOf(config));
  const { program, params, inputs, plan } = prepareVisionProgram({
    config,
    weights,
    reduction,
    quantize,
    outputs: outputOptions(outputs, withSourceMap),
  });
  const allParams = { ...params, ...poolerOf(weights, config, outputs) };
  if (withSourceMap && plan.stages.length === 0)
    throw new PptError("INVALID_OPTION", "export: a source map needs a reduction that removes tokens");
  const weightBytes = Object.values(allParams).reduce((sum, tensor) => sum + bytesOfWeight(tensor, dtype), 0);
  if (weightBytes > mostWeightBytes)
    throw new PptError(
      "INVALID_OPTION",
      `export: ${(weightBytes / 2 ** 30).toFixed(1)} GiB of ${dtype} weights exceed the 2 GiB of an ONNX file${dtype === "float32" ? ": export float16" : ""}`,
    );
  const metadata: ExportMetadata = {
    version: 1,
    reduction: plan.settings ? writtenReduction(plan.settings) : null,
    tokens: [modelCost(config).blocks[0]!.attentionTokens, ...plan.stages.map((stage) => stage.tokensOut)],
    gmacs: { unreduced: modelCost(config).gmacs, reduced: modelCost(config, plan).gmacs },
    for: devices,
  };
  const traced = traceProgram(namingOutputs(program, config), {
    params: allParams,
    inputs,
    dtype: activations,
    fusion: portable ? standardFusionFor(devices) : fusionFor(devices),
    outputs: [...outputs, ...(withSourceMap ? ["source"] : [])],
    note: noteFor(devices, plan.stages.length > 0),
    metadata: { [metadataKey]: JSON.stringify(metadata) },
  });
  return { ...traced, metadata };
}

/** @throws PptError INVALID_OPTION where the standard has no operators for the weights */
function refuseUnportable(dtype: ExportDtype, devices: DeviceKind): void {
  const { quantize } = exportDtype(dtype);
  const refuse = (what: string): never => {
    throw new PptError("INVALID_OPTION", `export: ${what}`);
  };
  if (quantize === "q4")
    refuse(
      `${dtype} needs com.microsoft.MatMulNBits, which is not in the standard: export q8 or float16, or leave out 'portable'`,
    );
  if (quantize === "q8" && devices === "gpu")
    refuse(
      "the standard multiplies weights in 8 bits on CPUs only: leave out for: 'gpu' or 'portable', or export float16",
    );
}

/** What people should know who open the file in another tool. */
const noteFor = (devices: DeviceKind, reduces: boolean): string =>
  `Made by ppt-vit for ${deviceKinds[devices].title}.${reduces ? " Nodes whose names contain /ppt/ or /observe/ decide which tokens remain. Leave them out when you quantise this file (nodes_to_exclude)." : ""}`;

const bytesOfWeight = ({ shape, quantized }: HostTensor, dtype: ExportDtype): number =>
  quantized ? quantized.integers.length : sizeOf(shape) * (exportDtype(dtype).activations === "float16" ? 2 : 4);
