/** timm's `config.json`: the geometry stands in the name of the architecture. */
import { show } from "../../show.js";
import { limits, type VisionModelConfig } from "../config.js";
import { type Fields, fieldsOf, invalid, numberedLabels, readSizes } from "./fields.js";

const geometries = {
  tiny: { hiddenSize: 192, layers: 12, heads: 3 },
  small: { hiddenSize: 384, layers: 12, heads: 6 },
  medium: { hiddenSize: 512, layers: 12, heads: 8 },
  base: { hiddenSize: 768, layers: 12, heads: 12 },
  large: { hiddenSize: 1024, layers: 24, heads: 16 },
  huge: { hiddenSize: 1280, layers: 32, heads: 16 },
  giant: { hiddenSize: 1536, layers: 40, heads: 24 },
} as const;

const known =
  /^(vit|deit|deit3)_(tiny|small|medium|base|large|huge|giant)(_distilled)?_patch(\d{1,3})(?:_reg(\d))?(?:_(\d{2,4}))?(_dinov2)?$/;

export function timmConfig(fields: Fields): VisionModelConfig {
  const name = fields.value("architecture");
  const parts = typeof name === "string" ? known.exec(name) : null;
  // Only DINOv2 comes in the giant's size, with SwiGLU; others of that size are built differently.
  if (!parts || (parts[2] === "giant" && !parts[7]))
    return invalid(
      `architecture ${show(name)} of timm is not supported; plain ViT, DeiT, DeiT III and DINOv2 are, such as vit_small_patch16_224`,
    );
  const [, family, size, distilled, patch, registers, image, dinov2] = parts;
  const geometry = geometries[size as keyof typeof geometries];
  const classes = fields.value("num_classes") === 0 ? 0 : fields.count("num_classes", limits.labels, 1000);
  const swiglu = size === "giant";
  return {
    ...readSizes(sizesOf(fields, Number(patch), image ? Number(image) : dinov2 ? 518 : 224)),
    ...geometry,
    channels: 3,
    intermediateSize: swiglu ? 4096 : 4 * geometry.hiddenSize,
    activation: "gelu",
    layerNormEpsilon: 1e-6,
    qkvBias: true,
    distillationToken: distilled !== undefined,
    distillationHead: distilled !== undefined && classes > 0,
    pooling: fields.choice("global_pool", ["token", "avg", ""], "token") === "avg" ? "mean" : "class",
    labels: labelsOf(fields, classes),
    positionInterpolation: "bicubic-antialiased",
    layerScale: family === "deit3" || dinov2 !== undefined,
    mlp: swiglu ? "swiglu" : "plain",
    registerTokens: Number(registers ?? 0),
  };
}

/** `image_size` and `patch_size`: what the file says, else what the name says. */
function sizesOf(fields: Fields, patch_size: number, named: number): Fields {
  const given = (name: string) => (fields.value(name) == null ? undefined : fields.object(name));
  const { value: ofArguments } = given("model_args") ?? fieldsOf({});
  for (const name of Object.keys(Object(fields.value("model_args") ?? {})))
    if (name !== "img_size") invalid(`model_args.${name.slice(0, 40)} is not supported; img_size is`);
  const input = given("pretrained_cfg")?.value("input_size") ?? undefined;
  if (input !== undefined && !(Array.isArray(input) && input.length === 3 && input[0] === 3))
    invalid(`pretrained_cfg.input_size must be [3, height, width], got ${show(input)}`);
  const image_size = ofArguments("img_size") ?? (input as unknown[] | undefined)?.slice(1) ?? named;
  return fieldsOf({ image_size, patch_size });
}

function labelsOf(fields: Fields, classes: number): string[] {
  const names = fields.value("label_names") ?? undefined;
  if (names === undefined || classes === 0) return numberedLabels(classes);
  if (!Array.isArray(names) || names.length !== classes)
    return invalid(`label_names must name ${classes} classes, got ${show(names)}`);
  const described = fields.value("label_descriptions") == null ? fieldsOf({}) : fields.object("label_descriptions");
  return names.map((name: unknown) => {
    if (typeof name !== "string") return invalid(`label_names must hold texts, got ${show(name)}`);
    const text = described.value(name);
    return typeof text === "string" ? text : name;
  });
}
