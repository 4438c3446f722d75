/** From pixels to patch tokens: a linear layer for each patch, behind the convolutions of LV-ViT or the steps of T2T-ViT. */
import type { Ops, Tensor, Tensors } from "../backend.js";
import { patchGrid, type Stem, type VisionModelConfig } from "./config.js";
import { parametersOf } from "./parameters.js";

/** The soft splits of T2T-ViT: overlapping windows, each of which becomes a token (section 3.1 there). */
export const softSplits = [
  { kernel: [7, 7], stride: [4, 4], padding: [2, 2] },
  { kernel: [3, 3], stride: [2, 2], padding: [1, 1] },
  { kernel: [3, 3], stride: [2, 2], padding: [1, 1] },
] as const;

/** LV-ViT's convolutions in front of the patches. */
export const stemConvolutions = [
  { kernel: [7, 7], stride: [2, 2], padding: [3, 3] },
  { kernel: [3, 3], stride: [1, 1], padding: [1, 1] },
  { kernel: [3, 3], stride: [1, 1], padding: [1, 1] },
] as const;

/** Keeps a token without any attention from a division by 0, as in the published code. */
const performerEpsilon = 1e-8;

/** pixels [B, channels, H, W] -> patch tokens [B, patches, C], row by row. */
export function embedPatches<T extends Tensor>(
  ops: Ops<T>,
  config: VisionModelConfig,
  params: Tensors<T>,
  pixels: T,
): T {
  const { patchSize, layerNormEpsilon, stem } = config;
  const project = (x: T) => ops.linear(x, params["patchEmbedding.weight"]!, params["patchEmbedding.bias"]);
  const patches = (x: T, size: readonly [number, number]) =>
    project(ops.unfold(x, { kernel: size, stride: size, padding: [0, 0] }));
  if (!stem) return patches(wholePatches(ops, config, pixels), patchSize);

  if (stem.kind === "convolution") {
    const features = stemConvolutions.reduce((x, window, i) => {
      const p = parametersOf(params, `stem.${i}.`);
      return ops.scope(`convolution.${i}`, () =>
        ops.activation(ops.convolution(x, p.weight!, p.bias!, window), "relu"),
      );
    }, pixels);
    return patches(features, [patchSize[0] / 2, patchSize[1] / 2]);
  }

  const [first, ...rest] = softSplits;
  let [rows, columns] = config.imageSize.map((side) => side / first.stride[0]) as [number, number];
  let tokens = ops.unfold(pixels, first);
  rest.forEach((split, i) => {
    const image = ops.scope(`tokens-to-token.${i}`, () => {
      const mixed = tokenStep(ops, stem, parametersOf(params, `stem.${i}.`), tokens, layerNormEpsilon);
      return ops.reshape(ops.transpose(mixed, [0, 2, 1]), [mixed.shape[0]!, stem.width, rows, columns]);
    });
    tokens = ops.unfold(image, split);
    [rows, columns] = [rows / split.stride[0], columns / split.stride[1]];
  });
  return project(tokens);
}

/** pixels without what is left over on the right and below: [B, channels, rows * patch, columns * patch]. */
function wholePatches<T extends Tensor>(ops: Ops<T>, config: VisionModelConfig, pixels: T): T {
  return patchGrid(config).reduce((x, count, i) => {
    const used = count * config.patchSize[i as 0 | 1];
    return used === x.shape[2 + i] ? x : ops.slice(x, 2 + i, 0, used);
  }, pixels);
}

/** One re-structurisation: attention of one head and an MLP. tokens [B, N, window] -> [B, N, width] */
function tokenStep<T extends Tensor>(
  ops: Ops<T>,
  { attention }: Extract<Stem, { kind: "tokens-to-token" }>,
  p: Tensors<T>,
  tokens: T,
  epsilon: number,
): T {
  const normed = ops.layerNorm(tokens, p["norm1.weight"]!, p["norm1.bias"]!, epsilon);
  const [q, k, v] = (["query", "key", "value"] as const).map((part) =>
    ops.linear(normed, p[`${part}.weight`]!, p[`${part}.bias`]),
  ) as [T, T, T];
  const window = tokens.shape[2]!;
  const mixed =
    attention === "transformer"
      ? // The published scale is that of the window's width, not of q's.
        ops.attention(q, k, v, { heads: 1, scale: 1 / Math.sqrt(window) })
      : performer(ops, q, k, v, p.features!);
  // The window is wider than the token, so the residual starts from the values.
  const x = ops.add(v, ops.linear(mixed, p["output.weight"]!, p["output.bias"]));
  const hidden = ops.linear(
    ops.layerNorm(x, p["norm2.weight"]!, p["norm2.bias"]!, epsilon),
    p["fc1.weight"]!,
    p["fc1.bias"],
  );
  return ops.add(x, ops.linear(ops.activation(hidden, "gelu"), p["fc2.weight"]!, p["fc2.bias"]));
}

/**
 * Linear attention with positive random features (Choromanski et al., arXiv 2009.14794):
 * phi(x) = exp(W x - |x|^2 / 2) / sqrt(m), y = phi(q) (phi(k)^T v) / (phi(q) sum phi(k)). features is W [m, width].
 */
function performer<T extends Tensor>(ops: Ops<T>, q: T, k: T, v: T, features: T): T {
  const [m] = features.shape as [number];
  // Exponentials without a maximum to subtract leave half precision.
  const phi = (x: T) => {
    const full = ops.cast(x, "float32");
    const halfSquare = ops.div(ops.sum(ops.mul(full, full), 2), 2);
    const projected = ops.linear(full, ops.cast(features, "float32"));
    return ops.div(ops.exp(ops.sub(projected, halfSquare)), Math.sqrt(m));
  };
  const [queries, keys] = [phi(q), phi(k)];
  const summary = ops.matMul(ops.transpose(keys, [0, 2, 1]), ops.cast(v, "float32"));
  const weight = ops.matMul(queries, ops.transpose(ops.sum(keys, 1), [0, 2, 1]));
  return ops.cast(ops.div(ops.matMul(queries, summary), ops.add(weight, performerEpsilon)), q.dtype);
}
