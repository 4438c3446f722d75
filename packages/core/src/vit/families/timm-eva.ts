/** The arguments of timm's class `Eva` (EVA, EVA02, DINOv3), which have other names than those of its plain ViT. */
import type { RotaryPositions, VisionModelConfig } from "../config.js";
import { type Fields, fieldsOf } from "../fields.js";
import { fusedNames, type NameSet, partOf } from "../names.js";
import { centredRotary, requireRotaryHeads } from "./rotary-fields.js";

/** Arguments of `Eva` that `timm.ts` does not read under their own names. */
export const evaArguments: ReadonlySet<string> = new Set([
  ...["qkv_fused", "swiglu_mlp", "swiglu_align_to", "scale_mlp", "num_reg_tokens", "use_fc_norm", "use_abs_pos_emb"],
  ...["use_rot_pos_emb", "rope_type", "rope_temperature", "ref_feat_shape"],
]);

/** The arguments with the names that timm's plain ViT gives them, where it has them. */
export const withPlainNames = (args: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> => ({
  ...args,
  reg_tokens: args.num_reg_tokens,
  fc_norm: args.use_fc_norm,
});

/** What differs from a plain ViT. The arguments have their defaults of `Eva`. */
export function evaTraits(
  args: Fields,
  base: Pick<VisionModelConfig, "hiddenSize" | "heads">,
): Partial<VisionModelConfig> {
  const gated = args.flag("swiglu_mlp", false);
  const hidden = Math.floor(base.hiddenSize * args.positive("mlp_ratio", 32, 4));
  const multiple = gated && args.value("swiglu_align_to") ? args.count("swiglu_align_to", 1024) : 1;
  return {
    intermediateSize: Math.max(1, Math.ceil(hidden / multiple) * multiple),
    activation: "gelu",
    mlp: gated ? "swiglu" : "plain",
    mlpNorm: args.flag("scale_mlp", false),
    withoutBias: ["key"],
    positionTable: args.flag("use_abs_pos_emb", true),
    ...(args.flag("use_rot_pos_emb", false) && { rotary: rotaryOf(args, base) }),
  };
}

function rotaryOf(args: Fields, base: Pick<VisionModelConfig, "hiddenSize" | "heads">): RotaryPositions {
  requireRotaryHeads(base, "num_heads");
  const theta = args.positive("rope_temperature", 1e9, 10000);
  if (args.choice("rope_type", ["cat", "dinov3"], "cat") === "dinov3") return centredRotary(theta);
  const reference = args.value("ref_feat_shape") ?? undefined;
  const coordinates =
    reference === undefined ? "counted" : fieldsOf({ ref_feat_shape: reference }).size("ref_feat_shape");
  return { theta, radians: 1, coordinates, pairs: "neighbours" };
}

/** The names of `Eva`: its projections may lie apart, and so may the gate of its MLP. */
export const evaNames: NameSet = (config, held) => {
  const names = fusedNames(config);
  const attention = held?.has("blocks.0.attn.q_proj.weight")
    ? { query: "attn.q_proj", key: "attn.k_proj", value: "attn.v_proj" }
    : held?.has("blocks.0.attn.q_bias")
      ? { query: partOf("attn.qkv", 0, 3, "attn.q_bias"), value: partOf("attn.qkv", 2, 3, "attn.v_bias") }
      : {};
  const mlp = held?.has("blocks.0.mlp.fc1_g.weight") ? { gate: "mlp.fc1_g", fc1: "mlp.fc1_x" } : {};
  return { ...names, block: { ...names.block, ...attention, ...mlp } };
};
