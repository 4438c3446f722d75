/** `ppt-vit info`: describes a model folder, which holds a checkpoint or an export. */

import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import type { DeviceKind, OnnxSummary } from "@ppt-vit/backend-onnx";
import {
  defaultDtype,
  defaultReduction,
  describeReduction,
  isPolicyName,
  isPptError,
  modelCost,
  PptError,
  parseConfigJson,
  parseModelConfig,
  parseProcessorFiles,
  parseReduction,
  publishedReduction,
  type ReductionConfig,
  reasonOf,
  sizeOf,
  tokenCount,
  type VisionModelConfig,
  type WeightDtypeName,
  type WrittenReduction,
  weightBytes,
  weightShapes,
} from "@ppt-vit/core";
import { counted } from "@ppt-vit/core/options";
import { atPictureSize, checkpointFolder, sourceKind } from "@ppt-vit/pipeline";
import { listFolder } from "../../files/list-folder.js";
import type { DtypeFlags } from "../../flags/dtype-option.js";
import { type ModelFlags, withDownloads } from "../../flags/model-options.js";
import { showBytes } from "../../output/bytes.js";
import { print, printJson } from "../../output/print.js";
import { originalConfig } from "../export/hugging-face.js";

interface OnnxFile extends OnnxSummary {
  readonly file: string;
  readonly bytes: number;
}

type ReductionSource = "reduction.json" | "onnx" | "published" | "scaled" | "none";

/** The document that --json prints. Documented in apps/docs/cli. */
interface Report {
  readonly folder: string;
  readonly kind: "checkpoint" | "export";
  /** Missing if the folder has no config.json, as in a Triton model repository. */
  readonly model?: ModelReport;
  readonly onnx: readonly OnnxFile[];
}

interface ModelReport {
  readonly family: string;
  readonly geometry: Omit<VisionModelConfig, "labels"> & { readonly tokens: number };
  readonly parameters: number;
  /** In `--dtype`. A backend without kernels for integers holds the floats. */
  readonly weights: { readonly dtype: WeightDtypeName; readonly bytes: number; readonly floatBytes: number };
  readonly reduction: ReductionConfig | null;
  readonly reductionFrom: ReductionSource;
  readonly gmacs: { readonly unreduced: number; readonly reduced: number };
  /** Of what stands behind the blocks, with this reduction. */
  readonly headGmacs: number;
  readonly blocks: readonly BlockReport[];
  readonly labels: readonly string[];
}

interface BlockReport {
  readonly layer: number;
  readonly attentionTokens: number;
  readonly mlpTokens: number;
  readonly gmacs: { readonly unreduced: number; readonly reduced: number };
}

/** For a model of the Hub, only its settings are downloaded, not its weights. */
export async function infoCommand(
  source: string,
  { json, dtype, ...flags }: ModelFlags & DtypeFlags & { readonly json: boolean },
): Promise<void> {
  const folder = await withDownloads(source, flags, (loading) => checkpointFolder(source, loading));
  const report = await inspect(source, folder, dtype);
  if (json) printJson(report, 2);
  else print(...text(report));
}

async function inspect(source: string, folder: string, dtype: WeightDtypeName): Promise<Report> {
  const files = await filesIn(folder);
  const onnx: OnnxFile[] = [];
  // One after the other, because each may have gigabytes.
  for (const file of files.filter((file) => file.endsWith(".onnx"))) onnx.push(await inspectFile(folder, file));
  const config = files.includes("config.json") ? await readJson(folder, "config.json") : undefined;
  if (config === undefined && onnx.length === 0)
    throw new PptError("NOT_FOUND", `${folder}: neither a config.json nor an .onnx file: this is no model folder`);
  // A model of the Hub has weights there, even if the cache has none.
  const hasWeights = sourceKind(source) === "hub" || files.some((file) => weightFiles.test(file));
  const model =
    config === undefined ? undefined : await modelReport(folder, files, config, { onnx, hasWeights, dtype });
  const kind = hasWeights ? "checkpoint" : "export";
  return { folder: source, kind, ...(model && { model }), onnx };
}

const weightFiles = /^model\.safetensors(\.index\.json)?$/;

/** The files in the folder and two levels below it: exports have no deeper ones. */
async function filesIn(folder: string, levels = 2): Promise<string[]> {
  const lists = (await listFolder(folder)).map(async (entry) => {
    if (!entry.isDirectory()) return [entry.name];
    if (levels === 0 || entry.name.startsWith(".") || entry.name === "node_modules") return [];
    return (await filesIn(join(folder, entry.name), levels - 1)).map((file) => `${entry.name}/${file}`);
  });
  return (await Promise.all(lists)).flat().sort();
}

async function inspectFile(folder: string, file: string): Promise<OnnxFile> {
  const path = join(folder, file);
  const { inspectOnnx } = await import("@ppt-vit/backend-onnx");
  const content = await readWhole(path);
  try {
    return { file, bytes: content.length, ...inspectOnnx(content) };
  } catch (error) {
    throw isPptError(error) ? new PptError(error.code, `${path}: ${error.message}`, { cause: error }) : error;
  }
}

async function modelReport(
  folder: string,
  files: readonly string[],
  written: unknown,
  { onnx, hasWeights, dtype }: { onnx: readonly OnnxFile[]; hasWeights: boolean; dtype: WeightDtypeName },
): Promise<ModelReport> {
  const json = originalConfig(written);
  const ifThere = async (file: string) => (files.includes(file) ? await readJson(folder, file) : undefined);
  const preprocessing = parseProcessorFiles({
    config: json,
    processor: await ifThere("processor_config.json"),
    preprocessor: await ifThere("preprocessor_config.json"),
  });
  const parsed = parseModelConfig(json);
  const config = preprocessing ? atPictureSize(parsed, preprocessing) : parsed;
  const { labels, ...geometry } = config;
  const { reduction, from } = await reductionOf(folder, files, config, onnx, hasWeights);
  const [before, after] = [modelCost(config), modelCost(config, reduction)];
  const gmacsOf = ({ attentionMacs, mlpMacs }: (typeof before.blocks)[number]) => (attentionMacs + mlpMacs) / 1e9;
  return {
    family: familyOf(json as { model_type?: unknown; architecture?: unknown }),
    geometry: { ...geometry, tokens: tokenCount(config) },
    parameters: parameterCount(config),
    weights: { dtype, bytes: weightBytes(config, dtype), floatBytes: weightBytes(config, defaultDtype) },
    reduction: reduction ?? null,
    reductionFrom: from,
    gmacs: { unreduced: before.gmacs, reduced: after.gmacs },
    headGmacs: after.headMacs / 1e9,
    blocks: after.blocks.map((block, i) => ({
      layer: block.layer,
      attentionTokens: block.attentionTokens,
      mlpTokens: block.mlpTokens,
      gmacs: { unreduced: gmacsOf(before.blocks[i]!), reduced: gmacsOf(block) },
    })),
    labels,
  };
}

/**
 * The reduction that the exported files record; else that of `reduction.json`; else the default one if it fits the model. A
 * record with a policy of somebody's own is skipped, because nothing here can tell its cost.
 */
async function reductionOf(
  folder: string,
  files: readonly string[],
  config: VisionModelConfig,
  onnx: readonly OnnxFile[],
  hasWeights: boolean,
): Promise<{ reduction?: ReductionConfig; from: ReductionSource }> {
  const exported = onnx.find((file) => file.export)?.export;
  if (exported?.reduction === null) return { from: "onnx" };
  if (exported && [exported.reduction.policy ?? []].flat().every(isPolicyName))
    return { reduction: parseReduction(exported.reduction), from: "onnx" };
  if (files.includes("reduction.json"))
    return { reduction: parseReduction(await readJson(folder, "reduction.json")), from: "reduction.json" };
  // An ONNX file of another program has no reduction, and none can be added without the weights.
  if (!hasWeights) return { from: "none" };
  try {
    const reduction = defaultReduction(config);
    modelCost(config, reduction);
    return { reduction, from: reduction === publishedReduction ? "published" : "scaled" };
  } catch (error) {
    if (isPptError(error)) return { from: "none" };
    throw error;
  }
}

/** Hugging Face's `model_type`, or timm's `architecture`. */
const familyOf = ({ model_type, architecture }: { model_type?: unknown; architecture?: unknown }): string =>
  String(model_type ?? architecture ?? "vit");

/** Number of weights and biases. The running statistics of batch norms are not counted. */
function parameterCount(config: VisionModelConfig): number {
  return Object.entries(weightShapes(config))
    .filter(([name]) => !name.includes(".running_"))
    .reduce((sum, [, shape]) => sum + sizeOf(shape), 0);
}

/** The largest size of an ONNX file, as of every protocol buffer. Node cannot read more at once either. */
const mostBytes = 2 ** 31 - 1;

/** @throws PptError NOT_FOUND if it is no file or cannot be read */
async function readWhole(path: string): Promise<Uint8Array> {
  const fail = (why: unknown, cause?: unknown): never => {
    throw new PptError("NOT_FOUND", `${path}: cannot be read (${why})`, { cause });
  };
  try {
    const found = await stat(path);
    // Reading a pipe would wait for a writer.
    if (!found.isFile()) fail("it is no file");
    if (found.size > mostBytes)
      fail(`its ${(found.size / 2 ** 30).toFixed(1)} GiB are more than the 2 GiB that such a file can have`);
    return await readFile(path);
  } catch (cause) {
    if (isPptError(cause)) throw cause;
    return fail(cause instanceof Error && "code" in cause ? cause.code : cause, cause);
  }
}

async function readJson(folder: string, file: string): Promise<unknown> {
  const content = await readWhole(join(folder, file));
  try {
    return parseConfigJson(content);
  } catch (cause) {
    const reason = reasonOf(cause);
    throw new PptError("INVALID_CONFIG", `${join(folder, file)}: ${reason}`, { cause });
  }
}

const devicesOf: Readonly<Record<DeviceKind, string>> = { cpu: "CPUs and wasm", gpu: "GPUs", any: "any device" };

function text({ folder, kind, model, onnx }: Report): string[] {
  const lines = [`${folder}: ${kind}`];
  if (model) lines.push(...modelLines(model));
  for (const { file, bytes, dtype, nodes, kernels, inputs, outputs, operatorSets, nonStandard, export: made } of onnx) {
    const sets = Object.entries(operatorSets).map(([domain, version]) => `${domain} ${version}`);
    lines.push(
      "",
      `${file}  ${showBytes(bytes)}, ${dtype}, ${counted(nodes, "node")}, ${inputs.join(", ")} -> ${outputs.join(", ")}`,
      `  kernels          ${kernels.total}: ${counts(kernels.byOperator)}`,
      `  by step          ${counts(kernels.byStep)}`,
      `  operator sets    ${sets.join(", ")}`,
      `  not standard     ${nonStandard.length > 0 ? nonStandard.join(", ") : "none, runs on any ONNX engine"}`,
      `  reduction        ${made ? describe(made.reduction) : "not recorded: not made by ppt-vit"}`,
    );
    if (made?.for) lines.push(`  made for         ${devicesOf[made.for]}`);
    if (made) lines.push(`  tokens           ${made.tokens.join(" -> ")}`);
  }
  return lines;
}

function modelLines({
  family,
  geometry,
  parameters,
  weights,
  reduction,
  reductionFrom,
  gmacs,
  headGmacs,
  blocks,
  labels,
}: ModelReport) {
  const { imageSize, patchSize, hiddenSize, layers, heads, intermediateSize, tokens, pooling, depth } = geometry;
  const origin: Readonly<Record<ReductionSource, string>> = {
    "reduction.json": " (reduction.json)",
    onnx: " (recorded in the exported files)",
    published: " (the published setting; there is no reduction.json)",
    scaled: " (the published setting, scaled to this number of patches; there is no reduction.json)",
    none: "",
  };
  const read: Readonly<Record<VisionModelConfig["pooling"], string>> = {
    class: "the class token",
    mean: "the mean of the patches",
    "normalized-mean": "the mean of the patches",
    distilled: "the class and the distillation token",
    attention: "what its probe gathers from all tokens",
    "class+mean": "the class token and the mean of the patches",
  };
  const cells = (...columns: (string | number)[]) => columns.map((cell) => String(cell).padStart(12)).join("");
  return [
    `  family           ${family}`,
    `  image            ${imageSize.join(" x ")}, patches of ${patchSize.join(" x ")}, ${counted(tokens, "token")}`,
    `  geometry         ${counted(layers, "block")}, width ${hiddenSize}, ${counted(heads, "head")}, MLP ${intermediateSize}, head reads ${depth ? `the patches after blocks ${depth.stages.join(", ")}` : read[pooling]}`,
    `  parameters       ${(parameters / 1e6).toFixed(2)} million`,
    `  weights          ${showWeights(weights)}`,
    ...(depth ? [`  depth            ${meaning[depth.kind]}`] : []),
    `  labels           ${depth ? "none: a map of depths" : labels.length === 0 ? "none: no classifier, features only" : `${labels.length}: ${labels.slice(0, 5).join(", ")}${labels.length > 5 ? ", ..." : ""}`}`,
    `  reduction        ${describe(reduction)}${origin[reductionFrom]}`,
    `  GMACs            ${gmacs.unreduced.toFixed(3)} unreduced, ${gmacs.reduced.toFixed(3)} with this reduction${depth ? `, ${headGmacs.toFixed(3)} of them in the depth head` : ""}`,
    "",
    cells("block", "attention", "MLP", "GMACs", "unreduced"),
    ...blocks.map(({ layer, attentionTokens, mlpTokens, gmacs: block }) =>
      cells(layer, attentionTokens, mlpTokens, block.reduced.toFixed(4), block.unreduced.toFixed(4)),
    ),
  ];
}

const meaning = { relative: "relative: greater is nearer, without a unit", metric: "metric: metres" } as const;

const counts = (of: Readonly<Record<string, number>>) =>
  Object.entries(of)
    .map(([name, count]) => `${count} ${name}`)
    .join(", ");

const showWeights = ({ dtype, bytes, floatBytes }: ModelReport["weights"]): string =>
  `${showBytes(bytes)} in ${dtype}, in memory and, beside the graph, in an exported file${bytes === floatBytes ? "" : `; ${showBytes(floatBytes)} in the memory of a backend without kernels for integers`}`;

const describe = (reduction: ReductionConfig | WrittenReduction | null) =>
  reduction ? describeReduction(reduction) : "none";
