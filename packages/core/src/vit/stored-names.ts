/** The names of a checkpoint's tensors below whatever wrapped the model when it was saved, and which of them nobody reads. */
import { requireTensors } from "../arguments.js";
import type { HostTensor, Tensors } from "../backend.js";
import { PptError } from "../errors.js";
import { families } from "./families/index.js";

/** Named tensors of a checkpoint; `SafetensorsFile` is one. */
export interface WeightSource {
  /** All of them, so that one that nobody reads can be told from one that is not there. */
  readonly names: readonly string[];
  has(name: string): boolean;
  /** @throws PptError where the tensor is missing or not a float tensor. */
  read(name: string): HostTensor;
}

/** A checkpoint that already lies in memory. */
export function weightsFrom(tensors: Tensors<HostTensor>): WeightSource {
  requireTensors("weightsFrom", "tensors", tensors);
  const named = new Map(Object.entries(tensors));
  return {
    names: [...named.keys()],
    has: (name) => named.has(name),
    read: (name) => {
      const tensor = named.get(name);
      if (tensor) return tensor;
      throw new PptError("INVALID_WEIGHTS", `weights: tensor '${name}' is missing`);
    },
  };
}

/** Tensors by the names that their library gives them: `blocks.0.norm1.weight`, whatever stands in front in the file. */
export interface UnwrappedWeights extends WeightSource {
  /** The name in the file; for a tensor that is missing, what it would be there. */
  storedName(name: string): string;
}

/**
 * What stands in front of a model's own names: what training tools put there (`module.` of DataParallel, `_orig_mod.` of
 * torch.compile), and what libraries call the model inside another one. They are stripped one by one, since some files have
 * them in front of a part of their names (ViT-MSN).
 */
const wrappers = [
  ...["module", "model", "base_model", "_orig_mod", "_forward_module", "_fsdp_wrapped_module", "backbone"],
  ...families.flatMap(({ prefixes = [] }) => prefixes),
];

const renamed = families.flatMap(({ renamed = [] }) => renamed);

/**
 * The same tensors without the prefix that all of them have, and without known wrappers.
 * @throws PptError INVALID_WEIGHTS where two tensors then have one name
 */
export function unwrapped(weights: WeightSource): UnwrappedWeights {
  const common = commonPrefix(weights.names);
  const stored = new Map<string, string>();
  for (const name of weights.names) {
    const own = ownName(name.slice(common.length));
    const other = stored.get(own);
    if (other !== undefined)
      throw new PptError(
        "INVALID_WEIGHTS",
        `weights: '${other}' and '${name}' are both '${own}' below their prefixes: keep one of the models in the file`,
      );
    stored.set(own, name);
  }
  const storedName = (name: string) => stored.get(name) ?? `${prefixNear(name, stored) ?? common}${name}`;
  return {
    names: [...stored.keys()],
    // Also what a source knows and does not list: an index of shards may name what no shard holds, and reading says so.
    has: (name) => stored.has(name) || weights.has(storedName(name)),
    read: (name) => weights.read(storedName(name)),
    storedName,
  };
}

/** What stands in the file in front of the tensors that are nearest to one that is missing. */
function prefixNear(name: string, stored: ReadonlyMap<string, string>): string | undefined {
  for (let end = name.lastIndexOf("."); end > 0; end = name.lastIndexOf(".", end - 1)) {
    const near = [...stored].find(([own, file]) => own.startsWith(name.slice(0, end + 1)) && file.endsWith(own));
    if (near) return near[1].slice(0, near[1].length - near[0].length);
  }
  return undefined;
}

function ownName(name: string): string {
  let own = name;
  for (;;) {
    const wrapper = wrappers.find((word) => own.startsWith(`${word}.`) && own.length > word.length + 1);
    if (wrapper === undefined) break;
    own = own.slice(wrapper.length + 1);
  }
  return renamed.reduce((known, [old, now]) => known.replace(old, now), own);
}

/** What all names begin with, up to and with a dot. */
function commonPrefix(names: readonly string[]): string {
  const [first = "", ...others] = names;
  let end = first.lastIndexOf(".") + 1;
  for (const name of others) {
    while (end > 0 && !name.startsWith(first.slice(0, end))) end = first.lastIndexOf(".", end - 2) + 1;
    if (end === 0) return "";
  }
  return others.length === 0 ? "" : first.slice(0, end);
}

const ignored = families.flatMap(({ ignored = [] }) => ignored);

/** Embeddings, blocks and norms, by the first words of their names. */
const structure = new RegExp(`^(${families.flatMap(({ roots }) => roots).join("|")})(\\.|$|_)`);

/** Heads: what turns tokens into answers. */
const heads = /^(\w*head|head\w*|\w*classifier\w*|\w*projection|proj|fc)(\.|$)/;

/**
 * Tensors that belong to the model and that nothing has read, under their names in the file. Heads count where `answers`:
 * an embedding does not depend on them.
 */
export function unreadTensors(
  { names, storedName }: UnwrappedWeights,
  read: ReadonlySet<string>,
  answers: boolean,
): string[] {
  return names
    .filter((name) => !read.has(name) && !ignored.some((pattern) => pattern.test(name)))
    .filter((name) => structure.test(name) || (answers && heads.test(name)))
    .map(storedName);
}
