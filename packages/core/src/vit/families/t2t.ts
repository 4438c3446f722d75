/**
 * T2T-ViT (Yuan et al., arXiv 2101.11986). Overlapping windows and attention turn pixels into tokens, and positions are sines
 * and cosines. Its authors publish no configuration file, so the fields are those of Hugging Face's ViT and a few more, which
 * apps/docs/guide/families.md lists.
 */

import { processorDefaults } from "../../io/processor-defaults.js";
import type { HostTensor, Ops, Shape, Tensor, Tensors } from "../../seam.js";
import { sizeOf } from "../../shape.js";
import type { VisionModelConfig } from "../config.js";
import type { Family, StemKind } from "../family.js";
import { type Fields, type Held, invalid, readPaperClassifier } from "../fields.js";
import { fusedClassifiers, fusedNames, fusedRoots } from "../names.js";
import { parametersOf } from "../parameters.js";

function readConfig(fields: Fields, held: Held): VisionModelConfig {
  const config = readPaperClassifier(fields, held);
  if (config.patchSize.some((side) => side !== 16))
    invalid(`patch_size of a T2T-ViT is 16, by its three soft splits, got ${config.patchSize.join("x")}`);
  const attention = fields.choice("tokens_type", ["performer", "transformer"], "performer");
  return {
    ...config,
    stem: { kind: "tokens-to-token", attention, width: fields.count("token_dim", 1024, 64) },
    positionInterpolation: "sinusoid",
  };
}

interface TokensToTokenStem {
  readonly kind: "tokens-to-token";
  readonly attention: "transformer" | "performer";
  /** Width of a token between the soft splits. */
  readonly width: number;
  readonly [setting: string]: string | number;
}

/** The soft splits: overlapping windows, each of which becomes a token (section 3.1 of that paper). */
const softSplits = [
  { kernel: [7, 7], stride: [4, 4], padding: [2, 2] },
  { kernel: [3, 3], stride: [2, 2], padding: [1, 1] },
  { kernel: [3, 3], stride: [2, 2], padding: [1, 1] },
] as const;

/** Added to the divisor, so that a token without any attention is not divided by 0. The published code does the same. */
const performerEpsilon = 1e-8;

/** Number of random features of the performer: half the width of a token, as published. */
const performerFeatures = (width: number): number => Math.max(1, Math.floor(width / 2));

/** Widths of the windows that the first and the second step see. */
const windowWidths = (channels: number, width: number): readonly [number, number] => [
  channels * sizeOf(softSplits[0].kernel),
  width * sizeOf(softSplits[1].kernel),
];

/** Names of a step's parts after `attention1.`. Query, key and value are missing here, because one tensor holds them. */
const partNames = {
  transformer: { norm1: "norm1", output: "attn.proj", norm2: "norm2", fc1: "mlp.fc1", fc2: "mlp.fc2" },
  performer: { norm1: "norm1", output: "proj", norm2: "norm2", fc1: "mlp.0", fc2: "mlp.2" },
} as const;

/** The tensor of query, key and value, and the order of its thirds. */
const sharedNames = {
  transformer: { name: "attn.qkv", order: ["query", "key", "value"], suffixes: ["weight"] },
  performer: { name: "kqv", order: ["key", "query", "value"], suffixes: ["weight", "bias"] },
} as const;

const stem: StemKind<TokensToTokenStem> = {
  kind: "tokens-to-token",
  names: { prefix: "tokens_to_token.", patchEmbedding: "tokens_to_token.project" },

  shapes({ width, attention }, { channels }) {
    const shapes: Record<string, Shape> = {};
    const names = partNames[attention];
    const shared = sharedNames[attention];
    windowWidths(channels, width).forEach((window, i) => {
      const step = `attention${i + 1}.`;
      const weightAndBias = (name: string, shape: Shape) => {
        shapes[`${step}${name}.weight`] = shape;
        shapes[`${step}${name}.bias`] = shape.slice(0, 1);
      };
      weightAndBias(names.norm1, [window]);
      for (const suffix of shared.suffixes)
        shapes[`${step}${shared.name}.${suffix}`] = suffix === "weight" ? [3 * width, window] : [3 * width];
      weightAndBias(names.output, [width, width]);
      weightAndBias(names.norm2, [width]);
      weightAndBias(names.fc1, [width, width]);
      weightAndBias(names.fc2, [width, width]);
      if (attention === "performer") shapes[`${step}w`] = [performerFeatures(width), width];
    });
    return shapes;
  },

  /** `stem.i.{norm1,query,key,value,output,norm2,fc1,fc2,features}` for both steps. */
  parameters({ attention }, tensor) {
    const parameters: Record<string, HostTensor> = {};
    const { name: shared, order, suffixes } = sharedNames[attention];
    for (const i of [0, 1]) {
      for (const [part, name] of Object.entries(partNames[attention]))
        for (const suffix of ["weight", "bias"])
          parameters[`stem.${i}.${part}.${suffix}`] = tensor(`attention${i + 1}.${name}.${suffix}`);
      for (const suffix of suffixes) {
        const { shape, data } = tensor(`attention${i + 1}.${shared}.${suffix}`);
        const third = data.length / 3;
        order.forEach((part, at) => {
          parameters[`stem.${i}.${part}.${suffix}`] = {
            shape: [shape[0]! / 3, ...shape.slice(1)],
            data: data.subarray(at * third, (at + 1) * third),
          };
        });
      }
      if (attention === "performer") parameters[`stem.${i}.features`] = tensor(`attention${i + 1}.w`);
    }
    return parameters;
  },

  patchEmbedding: ({ width }, { hiddenSize }) => [hiddenSize, width * sizeOf(softSplits[2].kernel)],

  patches(ops, stem, { imageSize, layerNormEpsilon }, params, pixels) {
    const [first, ...rest] = softSplits;
    let [rows, columns] = imageSize.map((side) => side / first.stride[0]) as [number, number];
    let tokens = ops.unfold(pixels, first);
    rest.forEach((split, i) => {
      const image = ops.scope(`tokens-to-token.${i}`, () => {
        const mixed = tokenStep(ops, stem, parametersOf(params, `stem.${i}.`), tokens, layerNormEpsilon);
        return ops.reshape(ops.transpose(mixed, [0, 2, 1]), [mixed.shape[0]!, stem.width, rows, columns]);
      });
      tokens = ops.unfold(image, split);
      [rows, columns] = [rows / split.stride[0], columns / split.stride[1]];
    });
    return tokens;
  },

  macs({ width: D, attention }, { imageSize, channels }) {
    const m = performerFeatures(D);
    let [tokens, macs] = [imageSize[0] * imageSize[1], 0];
    for (const [i, window] of windowWidths(channels, D).entries()) {
      tokens /= sizeOf(softSplits[i]!.stride);
      // Attention: two products of N^2 D each. Performer: the features of q and k, the summary of keys and values, its use.
      const products = attention === "transformer" ? 2 * tokens * tokens * D : tokens * m * (4 * D + 1);
      macs += tokens * (3 * window * D + 3 * D * D) + products;
    }
    return macs;
  },
};
/** One step between soft splits: attention with one head, then an MLP. tokens [B, N, window] -> [B, N, width] */
function tokenStep<T extends Tensor>(
  ops: Ops<T>,
  { attention }: TokensToTokenStem,
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
      ? // The published code scales by the window's width, not by the width of q.
        ops.attention(q, k, v, { heads: 1, scale: 1 / Math.sqrt(window) })
      : performer(ops, q, k, v, p.features!);
  // The window is wider than the token, so the values take the place of the input in the residual.
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
  // These exponentials have no maximum subtracted, so they would overflow half precision.
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

const example = {
  model_type: "t2t_vit",
  image_size: 32,
  hidden_size: 24,
  num_hidden_layers: 2,
  num_attention_heads: 3,
  num_labels: 5,
  token_dim: 6,
};

export const t2t: Family = {
  title: "T2T-ViT",
  modelTypes: { t2t_vit: { preprocessing: processorDefaults.ViT! } },
  examples: [example, { ...example, tokens_type: "transformer", qk_scale: 0.2 }],
  config: readConfig,
  names: [fusedNames],
  classifiers: fusedClassifiers,
  roots: [...fusedRoots, "tokens_to_token"],
  stem,
};
