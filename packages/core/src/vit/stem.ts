/** From pixels to patch tokens: the stem, if the family has one, and one linear layer for each patch. */

import { PptError } from "../errors.js";
import type { HostTensor, Ops, Shape, Tensor, Tensors } from "../seam.js";
import { sizeOf } from "../shape.js";
import { show } from "../show.js";
import { patchGrid, type Stem, type VisionModelConfig } from "./config.js";
import type { StemKind } from "./family.js";
import { otherModels } from "./model-code.js";

/**
 * The stem of a config with its settings. Undefined if patches go straight into the linear layer.
 * @throws PptError INVALID_CONFIG if no family has such a stem
 */
function stemOf({ stem: settings }: VisionModelConfig): { kind: StemKind; settings: Stem } | undefined {
  if (settings === undefined) return undefined;
  const kinds = otherModels().families.flatMap(({ stem }) => stem ?? []);
  const kind = kinds.find(({ kind }) => kind === settings.kind);
  if (kind) return { kind, settings };
  throw new PptError(
    "INVALID_CONFIG",
    `config: stem ${show(settings.kind)} is not known; ${kinds.map(({ kind }) => kind).join(" and ")} are`,
  );
}

/** Names of the stem's tensors and of the linear layer that follows. Undefined without a stem. */
export const stemNames = (config: VisionModelConfig): StemKind["names"] | undefined => stemOf(config)?.kind.names;

/** Shape of the linear layer's weight: as checkpoints store it, or flat as [C, features]. */
export function patchEmbeddingShape(config: VisionModelConfig, form: "stored" | "flat"): Shape {
  const stem = stemOf(config);
  const shape: Shape = stem
    ? stem.kind.patchEmbedding(stem.settings, config)
    : [config.hiddenSize, config.channels, ...config.patchSize];
  return form === "stored" ? shape : [shape[0]!, sizeOf(shape.slice(1))];
}

/** Shapes of the stem's tensors in a checkpoint, by whole names. Empty without a stem. */
export function stemShapes(config: VisionModelConfig): Record<string, Shape> {
  const stem = stemOf(config);
  if (!stem) return {};
  const { prefix } = stem.kind.names;
  const shapes = Object.entries(stem.kind.shapes(stem.settings, config));
  return Object.fromEntries(shapes.map(([name, shape]) => [`${prefix}${name}`, shape]));
}

/**
 * Reads the stem's parameters. Their names begin with `stem.`. Empty without a stem.
 * @throws PptError INVALID_WEIGHTS
 */
export function stemParameters(
  config: VisionModelConfig,
  read: (name: string, shape: Shape) => HostTensor,
): Record<string, HostTensor> {
  const stem = stemOf(config);
  if (!stem) return {};
  const shapes = stemShapes(config);
  const { prefix } = stem.kind.names;
  return stem.kind.parameters(stem.settings, (name) => read(`${prefix}${name}`, shapes[`${prefix}${name}`]!));
}

/** Multiply-accumulates of the stem for one image, without the linear layer that follows. */
export function stemMacs(config: VisionModelConfig): number {
  const stem = stemOf(config);
  return stem ? stem.kind.macs(stem.settings, config) : 0;
}

/** pixels [B, channels, H, W] -> patch tokens [B, patches, C], patches row by row. */
export function embedPatches<T extends Tensor>(
  ops: Ops<T>,
  config: VisionModelConfig,
  params: Tensors<T>,
  pixels: T,
): T {
  const stem = stemOf(config);
  const patches = stem
    ? stem.kind.patches(ops, stem.settings, config, params, pixels)
    : ops.unfold(wholePatches(ops, config, pixels), {
        kernel: config.patchSize,
        stride: config.patchSize,
        padding: [0, 0],
      });
  return ops.linear(patches, params["patchEmbedding.weight"]!, params["patchEmbedding.bias"]);
}

/** Cuts off the remainder on the right and below: [B, channels, rows * patch height, columns * patch width]. */
function wholePatches<T extends Tensor>(ops: Ops<T>, config: VisionModelConfig, pixels: T): T {
  return patchGrid(config).reduce((x, count, i) => {
    const used = count * config.patchSize[i as 0 | 1];
    return used === x.shape[2 + i] ? x : ops.slice(x, 2 + i, 0, used);
  }, pixels);
}
