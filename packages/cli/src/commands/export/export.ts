/** `ppt-vit export`: writes a checkpoint with its token reduction as ONNX files, which other engines run without this project. */

import { readFile } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import type { DeviceKind, OnnxExport } from "@ppt-vit/backend-onnx";
import { isKnownToTransformersJs, PptError, parseConfigJson, type VisionModelConfig } from "@ppt-vit/core";
import { counted } from "@ppt-vit/core/options";
import {
  atOneSize,
  checkpointFolder,
  exportNeeds,
  firstTaskOf,
  type LoadOptions,
  outputsForTask,
  readCheckpoint,
  resolveReduction,
  type TaskName,
} from "@ppt-vit/pipeline";
import { type ModelFlags, withDownloads } from "../../flags/model-options.js";
import { type ReductionFlags, reductionOf } from "../../flags/reduction-options.js";
import { showBytes } from "../../output/bytes.js";
import { print } from "../../output/print.js";
import { configForOthers, preprocessorConfigOf } from "./hugging-face.js";
import { fillFolder } from "./model-folder.js";
import { type Precision, precisions } from "./precisions.js";

export interface ExportFlags extends ReductionFlags, ModelFlags {
  readonly model: string;
  readonly out: string;
  readonly dtype: readonly Precision[];
  readonly for?: DeviceKind;
  readonly withSourceMap: boolean;
  readonly portable: boolean;
  readonly task?: TaskName;
  readonly format: "onnx" | "triton";
  readonly force: boolean;
}

interface Written {
  readonly file: string;
  readonly bytes: number;
  readonly model?: OnnxExport;
}

export async function exportCommand(flags: ExportFlags): Promise<void> {
  if (flags.withSourceMap && !flags.ppt)
    throw new PptError("INVALID_OPTION", "--with-source-map shows what the reduction did: leave out --no-ppt");
  const written = await withDownloads(flags.model, flags, (loading) => writeExport(flags, loading));
  print(...summary(flags.out, written));
}

async function writeExport(flags: ExportFlags, loading: LoadOptions): Promise<Written[]> {
  const source = await checkpointFolder(flags.model, loading);
  return fillFolder(flags.out, flags, async (put) => {
    const own = await readCheckpoint(flags.model, loading, exportNeeds(flags.task));
    // A graph has one size.
    const checkpoint = atOneSize(own);
    const outputs = outputsForTask(
      checkpoint,
      flags.task ?? (flags.format === "triton" ? firstTaskOf(checkpoint) : undefined),
    );
    const { config, preprocessing, weights } = checkpoint;
    const { exportOnnx } = await import("@ppt-vit/backend-onnx");
    const reduction = resolveReduction(checkpoint, reductionOf(flags));
    const files: Written[] = [];
    const write = async (file: string, content: string | Uint8Array, model?: OnnxExport) => {
      files.push({ file, bytes: await put(file, content), ...(model && { model }) });
    };
    /** Copies the checkpoint's own file if other programs understand it (`isKnown`); otherwise writes a new one. */
    const writeSettings = async (
      file: string,
      isKnown: (json: Record<string, unknown>) => boolean,
      make: (json: Record<string, unknown> | undefined) => object,
    ) => {
      const original = await readIfThere(join(source, file));
      const json = original && (parseConfigJson(original) as Record<string, unknown>);
      const known = json !== undefined && isKnown(json);
      await write(
        file,
        known && isStrictJson(original!) ? original! : `${JSON.stringify(known ? json : make(json), null, 2)}\n`,
      );
    };
    const nested = await readIfThere(join(source, "processor_config.json"));

    if (flags.format === "onnx") {
      await writeSettings("config.json", isKnownToTransformersJs, (json) => configForOthers(config, json));
      await writeSettings(
        "preprocessor_config.json",
        // transformers.js guesses what this file leaves to the model's type or to processor_config.json.
        (json) =>
          checkpoint === own &&
          nested === undefined &&
          (json.image_processor_type ?? json.feature_extractor_type) !== undefined,
        () => preprocessorConfigOf(preprocessing),
      );
    }
    for (const { dtype, suffix } of flags.dtype.map((name) => precisions[name])) {
      const model = exportOnnx({
        config,
        weights,
        reduction,
        dtype,
        for: flags.for,
        portable: flags.portable,
        withSourceMap: flags.withSourceMap,
        outputs,
      });
      if (flags.format === "onnx") {
        await write(`onnx/model${suffix}.onnx`, model.bytes, model);
      } else {
        const name = `${tritonName(flags.model)}${suffix}`;
        await write(`${name}/config.pbtxt`, tritonConfig(name, config, model));
        const labels = config.labels.map((label) => `${label.replaceAll(/\s+/g, " ")}\n`);
        if (labels.length > 0) await write(`${name}/labels.txt`, labels.join(""));
        await write(`${name}/1/model.onnx`, model.bytes, model);
      }
    }
    return files;
  });
}

/** Whether every JSON parser can read it. Python's writes NaN, which is not JSON. */
function isStrictJson(bytes: Buffer): boolean {
  try {
    JSON.parse(bytes.toString());
    return true;
  } catch {
    return false;
  }
}

/** The file, or undefined if there is none. @throws PptError NOT_FOUND if it exists but cannot be read */
const readIfThere = (path: string): Promise<Buffer | undefined> =>
  readFile(path).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === "ENOENT") return undefined;
    throw new PptError("NOT_FOUND", `${path}: cannot be read (${cause.code})`, { cause });
  });

const tritonName = (model: string) => basename(resolve(model)).replaceAll(/[^\w.-]/g, "_");

/**
 * The `config.pbtxt` of a model (Triton's documentation, "Model Configuration"). Because `max_batch_size` is set, the dimensions
 * do not include the batch. `dynamic_batching` with its defaults runs waiting requests together.
 */
function tritonConfig(name: string, config: VisionModelConfig, { outputs, shapes }: OnnxExport): string {
  const output = outputs.map(
    (output) => `  {
    name: "${output}"
    data_type: TYPE_FP32
    dims: [ ${shapes[output]!.slice(1).join(", ")} ]${output === "logits" ? '\n    label_filename: "labels.txt"' : ""}
  }`,
  );
  return `name: "${name}"
platform: "onnxruntime_onnx"
backend: "onnxruntime"
max_batch_size: 64
input [
  {
    name: "pixel_values"
    data_type: TYPE_FP32
    dims: [ ${[config.channels, ...config.imageSize].join(", ")} ]
  }
]
output [
${output.join(",\n")}
]
dynamic_batching { }
`;
}

function summary(out: string, files: readonly Written[]): string[] {
  const width = Math.max(...files.map(({ file }) => file.length));
  const lines = files.map(({ file, bytes, model }) => {
    const nodes = model
      ? `  for ${model.metadata.for}, ${counted(model.nodes, "node")}, ${model.outputs.join(", ")}`
      : "";
    return `  ${file.padEnd(width)}  ${showBytes(bytes).padStart(9)}${nodes}`;
  });
  const { tokens, gmacs, reduction } = files.find(({ model }) => model)!.model!.metadata;
  const cost = reduction
    ? `${gmacs.unreduced.toFixed(2)} -> ${gmacs.reduced.toFixed(2)} GMACs`
    : `${gmacs.unreduced.toFixed(2)} GMACs, unreduced`;
  return [`wrote ${out}: tokens ${tokens.join(" -> ")}, ${cost}`, ...lines];
}
