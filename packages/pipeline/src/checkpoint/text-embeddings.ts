/** Text embeddings for zero-shot labels, which the text tower of CLIP or SigLIP computed beforehand, in a safetensors file. */

import { type HostTensor, PptError, type Problem, parseSafetensors, type VisionModelConfig } from "@ppt-vit/core";
import { counted } from "@ppt-vit/core/options";

/** One embedding for each label, from the model's text tower. apps/docs/guide/zero-shot.md shows the Python lines that make them. */
export interface TextEmbeddings {
  readonly labels: readonly string[];
  /** [labels, projection]; their lengths do not matter. */
  readonly embeddings: HostTensor;
  /** Factor of the cosines: `exp(logit_scale)` of the checkpoint, 100 for the published ones. */
  readonly logitScale: number;
  /** SigLIP only: the number added to each scaled cosine, `logit_bias` of the checkpoint. Its models need it, others refuse it. */
  readonly logitBias?: number | undefined;
  /** Where they are from, as errors name it. `parseTextEmbeddings` puts its `name` here. Default: `text embeddings`. */
  readonly name?: string | undefined;
}

/** How a model compares pictures with texts. */
export interface TextComparison {
  /** Width of the image embedding. */
  readonly width: number;
  /** What the logits mean. CLIP's labels exclude each other, SigLIP judges each text by itself. */
  readonly problem: Extract<Problem, "single-label" | "multi-label">;
}

/** Undefined if the model's embeddings were not trained beside texts. */
export function textComparisonOf({ projection, pooling, hiddenSize }: VisionModelConfig): TextComparison | undefined {
  if (projection !== undefined) return { width: projection, problem: "single-label" };
  return pooling === "attention" ? { width: hiddenSize, problem: "multi-label" } : undefined;
}

const defaultName = "text embeddings";

/** The file beside `config.json` that holds a checkpoint's own text embeddings. */
export const textEmbeddingsFile = "text_embeddings.safetensors";

/**
 * Reads a safetensors file with `text_embeds` [labels, projection], `logit_scale` (one number, not its logarithm), for
 * SigLIP `logit_bias` (one number), and the metadata `labels`, a JSON list of names. `name` starts each error's message.
 * @throws PptError INVALID_SAFETENSORS, INVALID_CONFIG
 */
export function parseTextEmbeddings(bytes: Uint8Array, name = defaultName): TextEmbeddings {
  const fail = failing(name);
  const file = parseSafetensors(bytes, name);
  const text = file.metadata.get("labels");
  if (text === undefined) return fail("has no metadata 'labels', a JSON list with a name for each row of text_embeds");
  const labels = parseLabels(text) ?? fail("the metadata 'labels' is no JSON list of names");
  const number = (tensor: string): number => {
    const { data } = file.read(tensor);
    return data.length === 1 ? data[0]! : fail(`${tensor} holds ${data.length} numbers, expected one`);
  };
  const given = {
    labels,
    embeddings: file.read("text_embeds"),
    logitScale: number("logit_scale"),
    ...(file.has("logit_bias") && { logitBias: number("logit_bias") }),
    ...(name !== defaultName && { name }),
  };
  checkTextEmbeddings(given);
  return given;
}

/** Far more than any vocabulary has. */
const mostLabels = 1_000_000;
const longestLabel = 10_000;
/** Published scales reach 117, biases -17. Far beyond, every probability is 0 or 1. */
const mostLogit = 10_000;

/** Throws an error about text embeddings that begins with their name. */
export const failingOf = ({ name = defaultName }: Pick<TextEmbeddings, "name">) => failing(name);

/** @throws PptError INVALID_CONFIG if the parts do not fit each other */
export function checkTextEmbeddings(texts: TextEmbeddings): void {
  const { labels, embeddings, logitScale, logitBias } = texts;
  const fail = failingOf(texts);
  const { shape, data } = embeddings;
  const count = labels.length;
  if (count < 1 || count > mostLabels) fail(`hold ${count} labels, expected 1 to ${mostLabels}`);
  if (shape.length !== 2 || shape[0] !== count || data.length !== count * shape[1]!)
    fail(
      `text_embeds [${shape}] with ${counted(data.length, "value")} does not have a row for each of the ${counted(count, "label")}`,
    );
  if (!data.every(Number.isFinite)) fail("text_embeds holds numbers that are not finite");
  const seen = new Set<string>();
  labels.forEach((label, row) => {
    if (label === "" || label.length > longestLabel)
      fail(`label ${row} has ${label.length} characters, expected 1 to ${longestLabel}`);
    if (seen.has(label)) fail(`label ${row} is there twice`);
    seen.add(label);
    const width = shape[1]!;
    if (data.subarray(row * width, (row + 1) * width).every((value) => value === 0))
      fail(`the embedding of label ${row} is zero and has no direction`);
  });
  if (!(logitScale > 0 && logitScale <= mostLogit))
    fail(
      `the logit scale is ${logitScale}, expected exp(logit_scale) of the checkpoint: above 0, at most ${mostLogit}, usually 100`,
    );
  if (logitBias !== undefined && !(Math.abs(logitBias) <= mostLogit))
    fail(
      `the logit bias is ${logitBias}, expected logit_bias of the checkpoint: from -${mostLogit} to ${mostLogit}, usually near -13`,
    );
}

/** A JSON list of strings; undefined for any other text. */
function parseLabels(text: string): string[] | undefined {
  try {
    const labels: unknown = JSON.parse(text);
    return Array.isArray(labels) && labels.every((label) => typeof label === "string") ? labels : undefined;
  } catch {
    return undefined;
  }
}

const failing =
  (name: string) =>
  (message: string): never => {
    throw new PptError("INVALID_CONFIG", `${name}: ${message}`);
  };
