/** Which of all families' names a checkpoint uses. Its config does not decide: fine-tuned checkpoints mix them. */
import { PptError } from "../errors.js";
import { show } from "../show.js";
import type { VisionModelConfig } from "./config.js";
import { families } from "./families/index.js";
import { blockPlace, fusedNames, type NameSet, type Names, tensorName } from "./names.js";
import { stemNames } from "./stem.js";
import type { UnwrappedWeights } from "./stored-names.js";

/** So many names of a strange checkpoint an error shows. */
const shown = 4;

/** The parts of the first block that a checkpoint is recognised by. */
const recognised = ["query", "norm1", "fc1"] as const;

/**
 * The names that a checkpoint uses, found by its class token and its first block.
 * @throws PptError INVALID_WEIGHTS where they are the names of no family
 */
export function namesIn(weights: UnwrappedWeights, config: VisionModelConfig): Names {
  const all = families.flatMap(({ names }) => names).map((set) => namesOf(set, config, weights));
  const candidates = all.filter((names) => weights.has(firstTensor(names, config)));
  const complete = candidates.find((names) =>
    recognised.every((part) => weights.has(`${tensorName(blockPlace(names, 0, part) ?? "")}.weight`)),
  );
  // If each of them lacks something in the first block, the first one's names say what is missing.
  const found = complete ?? candidates[0];
  if (found) return found;
  const some = weights.names.slice(0, shown).map((name) => show(weights.storedName(name)));
  const held =
    weights.names.length > shown ? `${some.join(", ")} and ${weights.names.length - shown} more` : some.join(", ");
  throw new PptError(
    "INVALID_WEIGHTS",
    `weights: found none of ${firstTensors(config)}: not a ViT checkpoint. It holds ${held || "no tensor"}`,
  );
}

/** The names that random weights have. */
export const namesOfRandomWeights = (config: VisionModelConfig): Names => namesOf(fusedNames, config);

/** What a name set says of a model. A stem brings names of its own, whatever the blocks are called. */
export function namesOf(set: NameSet, config: VisionModelConfig, weights?: UnwrappedWeights): Names {
  const names = set(config, weights);
  return { ...names, patchEmbedding: stemNames(config)?.patchEmbedding ?? names.patchEmbedding };
}

/** The tensor that shows whose names a checkpoint has. */
const firstTensor = ({ classToken, patchEmbedding }: Names, config: VisionModelConfig): string =>
  config.classToken === false ? `${patchEmbedding}.weight` : classToken;

/** 'embeddings.cls_token' (ViT, DeiT, MAE, DINOv2), ... */
function firstTensors(config: VisionModelConfig): string {
  const titles = new Map<string, Set<string>>();
  for (const { title, names } of families)
    for (const set of names) {
      const first = firstTensor(namesOf(set, config), config);
      titles.set(first, (titles.get(first) ?? new Set()).add(title));
    }
  return [...titles].map(([first, titles]) => `'${first}' (${[...titles].join(", ")})`).join(", ");
}
