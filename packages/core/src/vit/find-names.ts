/** Finds the names that a checkpoint uses, among those of all families: the config does not tell, fine-tuned models mix them. */
import { PptError } from "../errors.js";
import { show } from "../show.js";
import type { VisionModelConfig } from "./config.js";
import { ofFamilies } from "./model-code.js";
import { blockPlace, fusedNames, type NameSet, type Names, tensorName } from "./names.js";
import { stemNames } from "./stem.js";
import type { UnwrappedWeights } from "./stored-names.js";

/** How many tensor names the error about an unknown checkpoint shows. */
const shown = 4;

/** If the first block has these parts under a set of names, the checkpoint uses that set. */
const recognised = ["query", "norm1", "fc1"] as const;

const sets = ofFamilies((families) => families.flatMap(({ names }) => names));
const titledSets = ofFamilies((families) => families.map(({ title, names }) => ({ title, names })));

/**
 * The names that a checkpoint uses. Its class token and its first block tell.
 * @throws PptError INVALID_WEIGHTS if no family has such names
 */
export function namesIn(weights: UnwrappedWeights, config: VisionModelConfig): Names {
  const all = sets().map((set) => namesOf(set, config, weights));
  const candidates = all.filter((names) => weights.has(firstTensor(names, config)));
  const complete = candidates.find((names) =>
    recognised.every((part) => weights.has(`${tensorName(blockPlace(names, 0, part) ?? "")}.weight`)),
  );
  // If no set is complete, the error about the missing tensor uses the names of the first candidate.
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

/** The names of a set for one model. A stem brings its own names, whatever the blocks are called. */
export function namesOf(set: NameSet, config: VisionModelConfig, weights?: UnwrappedWeights): Names {
  const names = set(config, weights);
  return { ...names, patchEmbedding: stemNames(config)?.patchEmbedding ?? names.patchEmbedding };
}

/** The tensor whose presence makes a set of names a candidate. */
const firstTensor = ({ classToken, patchEmbedding }: Names, config: VisionModelConfig): string =>
  config.classToken === false ? `${patchEmbedding}.weight` : classToken;

/** All first tensors, each with the families that have it, as an error shows them. */
function firstTensors(config: VisionModelConfig): string {
  const titles = new Map<string, Set<string>>();
  for (const { title, names } of titledSets())
    for (const set of names) {
      const first = firstTensor(namesOf(set, config), config);
      titles.set(first, (titles.get(first) ?? new Set()).add(title));
    }
  return [...titles].map(([first, titles]) => `'${first}' (${[...titles].join(", ")})`).join(", ");
}
