/** Reads the `config.json` of any supported family, with whatever reads that family. */
import { requireWeights } from "../arguments.js";
import { requireReadable } from "../options.js";
import type { VisionModelConfig } from "./config.js";
import type { AnyFamily, FamilyReader } from "./family.js";
import { fieldsOf, type Held, invalid, readArchitecture } from "./fields.js";
import { familyOf } from "./find-family.js";
import { refuseQuantizedConfig, refuseQuantizedTensors } from "./foreign-quantization.js";
import { ofFamilies } from "./model-code.js";
import { unwrapped, type WeightSource } from "./stored-names.js";

/** Options of `parseModelConfig`. */
export interface ParseOptions {
  /** Whether to read the classifier and its class names. An embedding needs neither. Default true. */
  readonly heads?: boolean | undefined;
}

/** `parseModelConfig` with the readers of families. */
export function readModelConfig(
  readerOf: (family: AnyFamily) => FamilyReader,
  json: unknown,
  weights: WeightSource | undefined,
  { heads = true }: ParseOptions = {},
): VisionModelConfig {
  requireReadable("parseModelConfig", json, "INVALID_CONFIG");
  if (weights !== undefined) requireWeights("parseModelConfig", weights);
  const fields = fieldsOf(json);
  refuseQuantizedConfig(json);
  if (weights) refuseQuantizedTensors(weights.names);
  const held = heldBy(weights, heads);
  const family = familyOf(fields);
  const architecture = readArchitecture(fields);
  if (architecture !== undefined && Object.hasOwn(family.refused ?? {}, architecture))
    invalid(`${architecture} is not supported; ${family.refused![architecture]}`);
  return readerOf(family).config(fields, held);
}

/** The weights of classifiers in all families, because fine-tuned checkpoints mix their names. */
const classifiers = ofFamilies((families) => families.flatMap(({ classifiers }) => classifiers));

/** What the tensors tell. If `heads` is false, classifiers count as absent, and all other tensors as present where unknown. */
function heldBy(weights: WeightSource | undefined, heads: boolean): Held {
  const stored = weights && unwrapped(weights);
  if (!stored && heads) return undefined;
  return {
    has: (name) => (heads || !classifiers().includes(name)) && (stored?.has(name) ?? true),
    ...(stored && { read: stored.read, names: stored.names }),
    classifier: heads && classifiers().some((name) => stored!.has(name)),
  };
}
