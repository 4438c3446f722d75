/** Errors about missing files: what the folder holds instead of a checkpoint, and what to do. */

import { isPptError, PptError } from "@ppt-vit/core";
import { loadConfigReader } from "@ppt-vit/core/loading";
import { requireModelId } from "../hub/reference.js";
import { quoted } from "../text/quoted.js";
import type { CheckpointFiles, FoundFiles } from "./files.js";

/** The files of a store, with what findings need to read of them. */
interface Look extends FoundFiles {
  /** The first matching name, safe to print; undefined if none matches. */
  first(pattern: RegExp): string | undefined;
  text(file: string): Promise<string | undefined>;
  /** The id of the base model, or `the model that it was made from` if the id is unknown. */
  base(): Promise<string>;
}

/** One kind of folder that people take for a checkpoint. */
interface Finding {
  /** The file by which this kind is known; undefined if the store is not of this kind. */
  readonly sign: (look: Look) => string | undefined;
  /** How the sentence "It holds SIGN" goes on: what this is, and what to do. */
  readonly says: (look: Look) => string | Promise<string>;
}

const weightsPattern = /^model\.safetensors(\.index\.json)?$/;
const modelFolder = /^(.+)\/model\.safetensors(\.index\.json)?$/;

const conversion =
  "a pytorch_model.bin or .pth is not read, because such files can run code: convert it once, as https://github.com/ppt-vit/ppt-vit/blob/main/apps/docs/guide/checkpoints.md shows";

/** The first finding with a sign makes the message. To add a kind, add an entry. */
const findings: readonly Finding[] = [
  {
    sign: ({ first }) => first(/^model_index\.json$/),
    says: ({ names }) =>
      names.includes("image_encoder/config.json")
        ? ", a diffusers pipeline: its vision model lies in image_encoder, load that folder"
        : ", a diffusers pipeline, which classifies nothing: pass a Vision Transformer",
  },
  {
    sign: ({ first }) => first(/^adapter_config\.json$/),
    says: async (look) =>
      `, an adapter of ${await adapterBase(look)}: merge the two in Python (merge_and_unload, save_pretrained) and pass the result, or pass the base model`,
  },
  {
    sign: ({ first, names }) => (names.some((name) => weightsPattern.test(name)) ? undefined : first(modelFolder)),
    says: ({ names, useFolder }) => {
      const folder = modelFolder.exec(names.find((name) => modelFolder.test(name))!)![1]!;
      return `: the model lies in the folder ${quoted(folder)}: ${useFolder(folder)}`;
    },
  },
  {
    sign: ({ first }) => first(/^open_clip_(config\.json|model\.safetensors|pytorch_model\.bin)$/),
    says: async (look) =>
      `, OpenCLIP's own layout, which is not read: pass the same model as transformers or timm publish it${await openClipName(look)}, with config.json and model.safetensors`,
  },
  {
    sign: ({ first }) =>
      first(/^(?!training_args|optimizer|scheduler|rng_state|openvino)[^/]+\.(bin|bin\.index\.json|pth|pt|ckpt)$/),
    says: () => `; ${conversion}`,
  },
  { sign: ({ first }) => first(/(^|\/)[^/]+\.onnx$/), says: sayOnnx },
  {
    sign: ({ first }) =>
      first(/^[^/]+\.(h5|msgpack|ot|tflite|gguf|xml|mlmodel|npz|keras)$|^saved_model\.pb$|\.mlpackage\//),
    says: async (look) =>
      `, weights of another program, which are not read: pass ${await look.base()} with its model.safetensors, or convert them with that program's tools and save_pretrained of transformers`,
  },
  {
    sign: ({ first, names }) =>
      names.some((name) => weightsPattern.test(name)) ? undefined : first(/^model-\d+-of-\d+\.safetensors$/),
    says: () => ", but not the model.safetensors.index.json that ties such files together: fetch it, too",
  },
  {
    sign: ({ first, names }) =>
      names.some((name) => weightsPattern.test(name)) ? undefined : first(/^[^/]+\.safetensors$/),
    says: () => ": if these are the weights, give the file the name model.safetensors",
  },
  {
    sign: ({ first, names }) => (names.includes("config.json") ? undefined : first(weightsPattern)),
    says: async (look) =>
      `, but no config.json, which says what these weights are: take the file from ${await look.base()}`,
  },
  {
    sign: ({ first }) =>
      first(/^(tokenizer(_config)?\.json|vocab\.(json|txt)|merges\.txt|spiece\.model|tokenizer\.model)$/),
    says: () => ", a tokenizer and no vision model: pass a Vision Transformer",
  },
];

/** Adds to `error`, which says that `wanted` is missing, what the store holds instead. */
export async function withFound(
  files: CheckpointFiles,
  wanted: string,
  error: PptError,
  signal?: AbortSignal | undefined,
): Promise<PptError> {
  const told = await tellFound(files, wanted, signal);
  return told === undefined ? error : new PptError(error.code, `${error.message}. ${told}`, { cause: error });
}

/** What `files` hold instead of `wanted`, as one sentence with what to do; undefined if that is not known. */
export async function tellFound(
  files: CheckpointFiles,
  wanted: string,
  signal?: AbortSignal | undefined,
): Promise<string | undefined> {
  // An error of `look` must not hide the error that is being explained.
  const found = await files.look?.({ signal }).catch(() => undefined);
  if (!found || found.names.includes(wanted)) return undefined;
  if (found.instead !== undefined) return found.instead;
  if (found.names.length === 0) return "There is nothing in it: is it the right folder, and the download complete?";
  const look = lookAt(files, found, signal);
  for (const { sign, says } of findings) {
    const file = sign(look);
    if (file !== undefined) return `It holds ${file}${await says(look)}`;
  }
  const some = found.names.slice(0, 3).map(quoted).join(", ");
  return `It holds ${some}${found.names.length > 3 ? `, and ${found.names.length - 3} more files` : ""}`;
}

function lookAt(files: CheckpointFiles, found: FoundFiles, signal: AbortSignal | undefined): Look {
  const text = async (file: string) => {
    if (!found.names.includes(file)) return undefined;
    const bytes = await files.read(file, { optional: true, signal }).catch(() => undefined);
    return bytes && new TextDecoder().decode(bytes);
  };
  return {
    ...found,
    text,
    first(pattern) {
      const name = found.names.find((one) => pattern.test(one));
      return name === undefined ? undefined : quoted(name).slice(1, -1);
    },
    async base() {
      const listed = [...(found.baseModels ?? []), ...baseModelsOfCard((await text("README.md")) ?? "")];
      return soundId(listed) ?? "the model that it was made from";
    },
  };
}

/** The names that transformers.js and optimum give files with quantised weights. */
const quantizedOnnx = /(^|[/_])(quantized|u?int8|q[48](f16)?|bnb4)\.onnx$/;

async function sayOnnx(look: Look): Promise<string> {
  const base = await look.base();
  const again = look.first(quantizedOnnx) ? '; dtype: "q8" or "q4" (--dtype) quantises it while it loads' : "";
  return base.includes("/")
    ? `; the weights are in its base model ${base}: pass that${again}`
    : `: this is an export: give it to transformers.js or another ONNX engine, or look at it with ppt-vit info; to run it here, pass ${base}${again}`;
}

async function adapterBase(look: Look): Promise<string> {
  const { base_model_name_or_path: base } = fieldsOfJson(await look.text("adapter_config.json"));
  return soundId([base]) ?? (await look.base());
}

/** Whether this project runs the timm model of that name: messages advise no other. */
async function runsHere(architecture: string): Promise<boolean> {
  try {
    (await loadConfigReader({ architecture })).parseModelConfig();
    return true;
  } catch (error) {
    if (isPptError(error)) return false;
    throw error;
  }
}

/** The timm name of the image tower, in parentheses; empty if OpenCLIP does not take the tower from timm. */
async function openClipName(look: Look): Promise<string> {
  const { model_cfg } = fieldsOfJson(await look.text("open_clip_config.json"));
  const { vision_cfg } = (model_cfg ?? {}) as { vision_cfg?: { timm_model_name?: unknown } };
  const name = vision_cfg?.timm_model_name;
  return typeof name === "string" && /^\w{1,80}$/.test(name) && (await runsHere(name)) ? ` (timm/${name})` : "";
}

function fieldsOfJson(text: string | undefined): Record<string, unknown> {
  try {
    return (JSON.parse(text ?? "{}") ?? {}) as Record<string, unknown>;
  } catch {
    return {};
  }
}

/** The first value that is a valid id of the Hub. Other text from a model card never becomes advice. */
function soundId(values: readonly unknown[]): string | undefined {
  return values.flat().find((value): value is string => {
    try {
      if (typeof value !== "string") return false;
      requireModelId(value);
      return true;
    } catch {
      return false;
    }
  });
}

/** `base_model` of a model card, whose YAML is between the first two lines of `---`: one text or a list of texts. */
export function baseModelsOfCard(card: string): string[] {
  const lines = /^\ufeff?---\r?\n([\s\S]*?)\r?\n---/.exec(card)?.[1]?.split(/\r?\n/) ?? [];
  const start = lines.findIndex((line) => /^base_model\s*:/.test(line));
  if (start < 0) return [];
  const rest = lines.slice(start + 1);
  const end = rest.findIndex((line) => !/^(\s*-\s|\s*$|\s*#)/.test(line));
  const own = lines[start]!.replace(/^base_model\s*:/, "")
    .replace(/^\s*\[|\]\s*$/g, "")
    .split(",");
  return [...own, ...rest.slice(0, end < 0 ? undefined : end).map((line) => line.replace(/^\s*-\s/, ""))]
    .map((value) =>
      value
        .replace(/\s#.*$/, "")
        .trim()
        .replace(/^(["'])(.*)\1$/, "$2"),
    )
    .filter(Boolean);
}
