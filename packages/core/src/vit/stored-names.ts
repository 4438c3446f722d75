/** The names of a checkpoint's tensors below whatever wrapped the model when it was saved, and which of them nobody reads. */
import { requireTensors } from "../arguments.js";
import type { HostTensor, Tensors } from "../backend.js";
import { PptError } from "../errors.js";

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
 * What training tools and libraries put in front of a model's own names (`module.` of DataParallel, `_orig_mod.` of
 * torch.compile, `timm_model.` of transformers' wrapper), and what Hugging Face calls the model inside a model. Stripped one
 * name at a time, since some files have them in front of a part of their names (ViT-MSN).
 */
const wrapper =
  /^(?:module|model|base_model|_orig_mod|_forward_module|_fsdp_wrapped_module|timm_model|backbone|vit|deit|dinov2|dinov2_with_registers|vision_model)\./;

/** Layer scale as the authors of DeiT III name it; timm renames it while loading. */
const layerScaleOfAuthors = /^(blocks\.\d+)\.gamma_([12])$/;

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
  for (let found = wrapper.exec(own); found && found[0].length < own.length; found = wrapper.exec(own))
    own = own.slice(found[0].length);
  return own.replace(layerScaleOfAuthors, "$1.ls$2.gamma");
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

/** Parts of published checkpoints that no prediction of the model reads. */
const harmless = [
  /(^|\.)position_ids$/,
  /(^|\.)mask_token$/,
  /(^|\.)num_batches_tracked$/,
  /^pooler\./,
  /^pre_logits\./,
  // The text tower of CLIP.
  /^text_/,
  /^logit_(scale|bias)$/,
  // The decoder of MAE.
  /^decoder/,
];

/** Embeddings, blocks and norms, in all libraries. */
const structure =
  /^(embeddings|patch_embed|tokens_to_token|cls_token|dist_token|reg_token|register_tokens|pos_embed|pos_drop|rope|encoder|layers?|blocks|norm|norm_pre|fc_norm|layernorm|pre_layrnorm|pre_layernorm|post_layernorm|attn_pool)(\.|$|_)/;

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
    .filter((name) => !read.has(name) && !harmless.some((pattern) => pattern.test(name)))
    .filter((name) => structure.test(name) || (answers && heads.test(name)))
    .map(storedName);
}
