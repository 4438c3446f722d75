/** The names of a checkpoint's tensors without the prefixes of whatever wrapped the model, and which tensors are left unread. */
import { requireTensors } from "../arguments.js";
import { PptError } from "../errors.js";
import type { HostTensor, Tensors } from "../seam.js";
import { ofFamilies } from "./model-code.js";

/** Named tensors of a checkpoint; `SafetensorsFile` is one. */
export interface WeightSource {
  /** The names of all tensors. They tell which tensors a model leaves unread. */
  readonly names: readonly string[];
  has(name: string): boolean;
  /** @throws PptError if the tensor is missing or not a float tensor */
  read(name: string): HostTensor;
  /**
   * What `read` gives, in memory that the next call uses again; undefined if `read` gives a view of what is in memory anyway.
   * Optional: tensors that can be read so are read again later, instead of being kept.
   */
  readBriefly?(name: string): HostTensor | undefined;
}

/** A checkpoint whose tensors are already in memory. */
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

/** Tensors by the names that their library gives them, without prefixes: `blocks.0.norm1.weight`. */
export interface UnwrappedWeights extends WeightSource {
  /** The tensor's name in the file. For a missing tensor, the name that it would have there. */
  storedName(name: string): string;
}

/**
 * Words in front of a model's own names. Training tools add some (`module.` of DataParallel, `_orig_mod.` of torch.compile),
 * and libraries name a model inside a larger one. Each name loses its own prefixes, because in some published files only a
 * part of the names has one.
 */
const wrappers = ofFamilies((families) => [
  ...["module", "model", "base_model", "_orig_mod", "_forward_module", "_fsdp_wrapped_module", "backbone"],
  ...families.flatMap(({ prefixes = [] }) => prefixes),
]);

const renamed = ofFamilies((families) => families.flatMap(({ renamed = [] }) => renamed));

/**
 * The same tensors without the prefix that all names share, and without the known words in front.
 * @throws PptError INVALID_WEIGHTS if two tensors then have the same name
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
    // An index of shards may name a tensor that no shard holds. It counts as present, so that reading it gives that error.
    has: (name) => stored.has(name) || weights.has(storedName(name)),
    read: (name) => weights.read(storedName(name)),
    readBriefly: (name) => weights.readBriefly?.(storedName(name)),
    storedName,
  };
}

/** The prefix of a missing tensor in the file: that of the tensors with the longest common path. */
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
    const wrapper = wrappers().find((word) => own.startsWith(`${word}.`) && own.length > word.length + 1);
    if (wrapper === undefined) break;
    own = own.slice(wrapper.length + 1);
  }
  return renamed().reduce((known, [old, now]) => known.replace(old, now), own);
}

/** What all names begin with, up to and including a dot. */
function commonPrefix(names: readonly string[]): string {
  const [first = "", ...others] = names;
  let end = first.lastIndexOf(".") + 1;
  for (const name of others) {
    while (end > 0 && !name.startsWith(first.slice(0, end))) end = first.lastIndexOf(".", end - 2) + 1;
    if (end === 0) return "";
  }
  return others.length === 0 ? "" : first.slice(0, end);
}

const ignored = ofFamilies((families) => families.flatMap(({ ignored = [] }) => ignored));

/** Embeddings, blocks and norms begin with these words. */
const structure = ofFamilies(
  (families) => new RegExp(`^(${families.flatMap(({ roots }) => roots).join("|")})(\\.|$|_)`),
);

/** Heads, which turn tokens into answers, have such names. */
const heads = /^(\w*head|head\w*|\w*classifier\w*|\w*projection|proj|fc)(\.|$)/;

/**
 * Tensors of the model that nothing has read, by their names in the file. Heads count only if `answers` is true, because an
 * embedding does not depend on them.
 */
export function unreadTensors(
  { names, storedName }: UnwrappedWeights,
  read: ReadonlySet<string>,
  answers: boolean,
): string[] {
  return names
    .filter((name) => !read.has(name) && !ignored().some((pattern) => pattern.test(name)))
    .filter((name) => structure().test(name) || (answers && heads.test(name)))
    .map(storedName);
}
