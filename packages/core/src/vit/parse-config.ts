/** Reads the `config.json` of any supported family. */
import { requireWeights } from "../arguments.js";
import { requireReadable } from "../options.js";
import type { VisionModelConfig } from "./config.js";
import { families } from "./families/index.js";
import { fieldsOf, type Held, invalid, readArchitecture } from "./fields.js";
import { familyOf } from "./find-family.js";
import { unwrapped, type WeightSource } from "./stored-names.js";

export interface ParseOptions {
  /** Whether the classifier is read, and what the file says of its classes. Embeddings need neither. Default true. */
  readonly heads?: boolean;
}

/**
 * Reads a `config.json`: of Hugging Face by its `model_type`, of timm by its `architecture`, and others that the README
 * describes. Without either name it is taken for a ViT.
 * `weights` decide which heads the model has. Without them the file's `architectures` does, which is missing or wrong in
 * many published checkpoints.
 * @throws PptError INVALID_CONFIG; INVALID_WEIGHTS where two tensors of `weights` have one name below their prefixes
 */
export function parseModelConfig(
  json: unknown,
  weights?: WeightSource,
  { heads = true }: ParseOptions = {},
): VisionModelConfig {
  requireReadable("parseModelConfig", json, "INVALID_CONFIG");
  if (weights !== undefined) requireWeights("parseModelConfig", weights);
  const fields = fieldsOf(json);
  const held = heldBy(weights, heads);
  const family = familyOf(fields);
  const architecture = readArchitecture(fields);
  if (architecture !== undefined && Object.hasOwn(family.refused ?? {}, architecture))
    invalid(`${architecture} is not supported; ${family.refused![architecture]}`);
  return family.config(fields, held);
}

/** The weights of classifiers in all families: fine-tuned checkpoints mix their names. */
const classifiers = families.flatMap(({ classifiers }) => classifiers);

/** What the weights hold. Without `heads` they hold no classifier; and before they are known they may hold all else. */
function heldBy(weights: WeightSource | undefined, heads: boolean): Held {
  const stored = weights && unwrapped(weights);
  if (!stored && heads) return undefined;
  return {
    has: (name) => (heads || !classifiers.includes(name)) && (stored?.has(name) ?? true),
    ...(stored && { read: stored.read }),
    classifier: heads && classifiers.some((name) => stored!.has(name)),
  };
}
