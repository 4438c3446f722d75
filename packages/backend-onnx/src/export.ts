/** Model files for other engines: writes a traced model with a record of its reduction, and reads what a file holds. */
import {
  type ExportOutput,
  exportOutputsOf,
  modelCost,
  PptError,
  parseWrittenReduction,
  prepareVisionProgram,
  type ReductionConfig,
  type ResolvedReduction,
  reasonOf,
  type VisionModelConfig,
  type WeightSource,
  type WrittenReduction,
  writtenReduction,
} from "@ppt-vit/core";
import { type HostTensor, type Shape, sizeOf } from "@ppt-vit/core/backend";
import {
  arrayOf,
  bytesCheck,
  type Checks,
  checkArgument,
  checkOptions,
  flag,
  object,
  oneOf,
} from "@ppt-vit/core/options";
import { checkedOutputs, namingOutputs, outputOptions, poolerOf } from "./export-outputs.js";
import { countKernels, type KernelCount } from "./kernels.js";
import { decodeModel, elementTypes, type ModelProto } from "./proto.js";
import { traceProgram } from "./trace.js";

/** Options of `exportOnnx`. */
export interface OnnxExportOptions {
  readonly config: VisionModelConfig;
  readonly weights: WeightSource;
  /** Leave out to export the unreduced model. */
  readonly reduction?: ReductionConfig | ResolvedReduction | undefined;
  /**
   * Precision inside the model. Input and outputs are always float32, as transformers.js expects. `q8` takes the weights of
   * linear layers as 8-bit integers; the file has the operators that are fast on CPUs, wasm included. Default `float32`.
   */
  readonly dtype?: "float32" | "float16" | "q8" | undefined;
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

/** What an exported file records about itself, as JSON under `metadataKey`. */
export interface ExportMetadata {
  readonly version: 1;
  /** null for the unreduced model. A policy of your own stands here by its name. */
  readonly reduction: WrittenReduction | null;
  /** Tokens that enter the first block and that leave each stage. */
  readonly tokens: readonly number[];
  /** Multiply-accumulates of one image, 1e9. */
  readonly gmacs: { readonly unreduced: number; readonly reduced: number };
}

const metadataKey = "ppt_vit";

/** A protobuf file holds 2 GiB at most. This leaves 16 MiB for the nodes. */
const mostWeightBytes = 2 ** 31 - 2 ** 24;

const optionChecks: Checks<OnnxExportOptions> = {
  config: object,
  weights: object,
  reduction: object,
  dtype: oneOf(["float32", "float16", "q8"]),
  portable: flag,
  withSourceMap: flag,
  outputs: arrayOf("names of outputs", (name) => typeof name === "string"),
};
const misnamed = { opset: "it is 18", task: "name the outputs" };

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
  const outputs = checkedOutputs(config, settings.outputs ?? exportOutputsOf(config));
  const { program, params, inputs, plan } = prepareVisionProgram({
    config,
    weights,
    reduction,
    quantize: dtype === "q8" ? dtype : undefined,
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
  };
  const traced = traceProgram(namingOutputs(program, config), {
    params: allParams,
    inputs,
    dtype: dtype === "float16" ? dtype : "float32",
    // Fused attention is wrong on some WebGPU devices, and the file may run on any of them. The other operators of
    // ONNX Runtime are right on all devices that we tested. No GPU computes with the integers of a q8 file.
    fusion:
      dtype === "q8"
        ? { contrib: !portable, attention: !portable, forCpu: !portable, integers: true }
        : { contrib: !portable, attention: false },
    outputs: [...outputs, ...(withSourceMap ? ["source"] : [])],
    metadata: { [metadataKey]: JSON.stringify(metadata) },
  });
  return { ...traced, metadata };
}

const bytesOfWeight = ({ shape, quantized }: HostTensor, dtype: OnnxSummary["dtype"]): number =>
  quantized ? quantized.integers.length : sizeOf(shape) * (dtype === "float16" ? 2 : 4);

/** What a model file holds. */
export interface OnnxSummary {
  /** Precision of the weights. */
  readonly dtype: "float32" | "float16" | "q8";
  readonly nodes: number;
  /** What a GPU launches in a run. */
  readonly kernels: KernelCount;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** Versions of the operator sets, by domain; the standard's is `ai.onnx`. */
  readonly operatorSets: Readonly<Record<string, number>>;
  /** Operators outside the standard: `com.microsoft.Gelu`. */
  readonly nonStandard: readonly string[];
  /** Undefined if ppt-vit did not make the file. */
  readonly export?: ExportMetadata;
}

const isStandard = (domain: string) => domain === "" || domain === "ai.onnx";

/** @throws PptError INVALID_INPUT if the bytes are no ONNX model, or if the record of an export in it was changed */
export function inspectOnnx(bytes: Uint8Array): OnnxSummary {
  checkArgument("inspectOnnx", "bytes", bytes, bytesCheck);
  const { graph, opsetImport, metadataProps } = decoded(bytes);
  const { node: nodes, initializer: weights, input: inputs, output: outputs } = graph;
  const recorded = metadataProps.find(({ key }) => key === metadataKey)?.value;
  const holds = (type: number) => weights.some(({ dataType }) => dataType === type);
  return {
    dtype: holds(elementTypes.int8) ? "q8" : holds(elementTypes.float16) ? "float16" : "float32",
    nodes: nodes.length,
    kernels: countKernels(nodes),
    inputs: inputs.map(({ name }) => name),
    outputs: outputs.map(({ name }) => name),
    operatorSets: Object.fromEntries(
      opsetImport.map(({ domain, version }) => [isStandard(domain) ? "ai.onnx" : domain, version]),
    ),
    nonStandard: [
      ...new Set(nodes.filter(({ domain }) => !isStandard(domain)).map(({ domain, opType }) => `${domain}.${opType}`)),
    ].sort(),
    ...(recorded !== undefined && { export: parseMetadata(recorded) }),
  };
}

function decoded(bytes: Uint8Array): ModelProto {
  try {
    return decodeModel(bytes);
  } catch (cause) {
    throw new PptError("INVALID_INPUT", `not an ONNX model (${reasonOf(cause)})`, { cause });
  }
}

/** The record of an export, checked, because the file may have been changed since. @throws PptError INVALID_INPUT */
function parseMetadata(text: string): ExportMetadata {
  const invalid = (what: string, cause?: unknown): never => {
    throw new PptError("INVALID_INPUT", `metadata '${metadataKey}': ${what}: export the model again`, { cause });
  };
  const reading = <R>(read: () => R, what = ""): R => {
    try {
      return read();
    } catch (cause) {
      return invalid(what + reasonOf(cause), cause);
    }
  };
  const json: unknown = reading(() => JSON.parse(text), "not valid JSON: ");
  if (!isObject(json)) return invalid("expected an object with version, reduction, tokens and gmacs");
  const { version, reduction, tokens, gmacs } = json;
  if (version !== 1)
    return invalid(
      typeof version === "number" ? `version ${version} is unknown, this ppt-vit knows 1` : "version must be 1",
    );
  if (!Array.isArray(tokens) || tokens.length === 0 || !tokens.every((count) => Number.isInteger(count) && count > 0))
    return invalid("tokens must be an array of counts of at least 1");
  if (!isObject(gmacs) || !isAmount(gmacs.unreduced) || !isAmount(gmacs.reduced))
    return invalid("gmacs must be { unreduced, reduced }, numbers of at least 0");
  return {
    version,
    reduction: reduction === null ? null : reading(() => parseWrittenReduction(reduction)),
    tokens,
    gmacs: { unreduced: gmacs.unreduced, reduced: gmacs.reduced },
  };
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const isAmount = (value: unknown): value is number => Number.isFinite(value) && (value as number) >= 0;
