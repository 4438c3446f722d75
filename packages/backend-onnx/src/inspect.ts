/** Reads what an ONNX file holds, and what an export recorded in it. */
import { PptError, parseWrittenReduction, reasonOf, type WrittenReduction } from "@ppt-vit/core";
import { bytesCheck, checkArgument } from "@ppt-vit/core/options";
import { type DeviceKind, deviceKindNames } from "./device-kinds.js";
import type { ExportDtype } from "./export-dtypes.js";
import { countKernels, type KernelCount } from "./kernels.js";
import { decodeModel, elementTypes, type ModelProto } from "./proto.js";

/** What an exported file records about itself, as JSON under `metadataKey`. */
export interface ExportMetadata {
  readonly version: 1;
  /** null for the unreduced model. A policy of your own stands here by its name. */
  readonly reduction: WrittenReduction | null;
  /** Tokens that enter the first block and that leave each stage. */
  readonly tokens: readonly number[];
  /** Multiply-accumulates of one image, 1e9. */
  readonly gmacs: { readonly unreduced: number; readonly reduced: number };
  /** The devices that the file is made for. Files of earlier versions do not say it. */
  readonly for?: DeviceKind;
}

/** The key of that record among the file's metadata. */
export const metadataKey = "ppt_vit";

/** What a model file holds. */
export interface OnnxSummary {
  /** Precision of the weights. */
  readonly dtype: ExportDtype;
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
  const { node: nodes, input: inputs, output: outputs } = graph;
  const recorded = metadataProps.find(({ key }) => key === metadataKey)?.value;
  return {
    dtype: precisionOf(graph),
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

/** The narrowest weights decide: a file with weights in 4 bits has some in 8 bits, too. */
function precisionOf({ node, initializer }: ModelProto["graph"]): ExportDtype {
  const holds = (...types: number[]) => initializer.some(({ dataType }) => types.includes(dataType));
  const { uint4, int4, uint8, int8, float16 } = elementTypes;
  const bits = node.flatMap(({ attribute }) => attribute.filter(({ name }) => name === "bits").map(({ i }) => i));
  if (bits.includes(4) || holds(uint4, int4)) return holds(float16) ? "q4f16" : "q4";
  if (holds(uint8, int8)) return "q8";
  return holds(float16) ? "float16" : "float32";
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
  const { version, reduction, tokens, gmacs, for: devices } = json;
  if (version !== 1)
    return invalid(
      typeof version === "number" ? `version ${version} is unknown, this ppt-vit knows 1` : "version must be 1",
    );
  if (!Array.isArray(tokens) || tokens.length === 0 || !tokens.every((count) => Number.isInteger(count) && count > 0))
    return invalid("tokens must be an array of counts of at least 1");
  if (!isObject(gmacs) || !isAmount(gmacs.unreduced) || !isAmount(gmacs.reduced))
    return invalid("gmacs must be { unreduced, reduced }, numbers of at least 0");
  if (devices !== undefined && !isDeviceKind(devices))
    return invalid(`for must be one of ${deviceKindNames.join(", ")}`);
  return {
    version,
    reduction: reduction === null ? null : reading(() => parseWrittenReduction(reduction)),
    tokens,
    gmacs: { unreduced: gmacs.unreduced, reduced: gmacs.reduced },
    ...(devices !== undefined && { for: devices }),
  };
}

const isDeviceKind = (value: unknown): value is DeviceKind => (deviceKindNames as readonly unknown[]).includes(value);

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const isAmount = (value: unknown): value is number => Number.isFinite(value) && (value as number) >= 0;
