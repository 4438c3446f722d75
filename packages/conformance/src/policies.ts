/**
 * Every reduction policy against a Vision Transformer told in plain JavaScript, image by image and token by token, with
 * sorting, picking and appending where the program computes destination rows.
 */
import {
  type Backend,
  createVisionModel,
  type HostTensor,
  type PolicyName,
  randomWeights,
  type Tensors,
  type VisionModelConfig,
  weightsFrom,
} from "@ppt-vit/core";
import {
  type ConformanceCase,
  type CreateBackend,
  expectClose,
  reducedTolerance,
  uniform,
  withBackend,
} from "./harness.js";
import { tinyConfig } from "./models.js";
import { erf } from "./reference.js";

type Vector = readonly number[];

interface Token {
  readonly x: Vector;
  readonly size: number;
  /** Input tokens that it contains. */
  readonly contains: readonly number[];
}

interface PolicyCase {
  readonly name: string;
  readonly policy: PolicyName;
  readonly layers: readonly number[];
  /** Tokens to remove in each layer. */
  readonly removed: readonly number[];
  /** Scale-free, for `ppt`. */
  readonly threshold?: number;
  readonly proportionalAttention: boolean;
  readonly distillationToken?: boolean;
}

const cases: readonly PolicyCase[] = [
  { name: "ppt", policy: "ppt", layers: [0, 1], removed: [4, 3], threshold: 0.6, proportionalAttention: true },
  { name: "tome in every block", policy: "tome", layers: [0, 1, 2], removed: [3, 3, 2], proportionalAttention: true },
  {
    name: "tome without proportional attention, distillation token",
    policy: "tome",
    layers: [0, 1],
    removed: [4, 4],
    proportionalAttention: false,
    distillationToken: true,
  },
  { name: "top-k", policy: "top-k", layers: [0, 2], removed: [5, 4], proportionalAttention: false },
  {
    name: "top-k down to one token, distillation token",
    policy: "top-k",
    layers: [0, 1],
    removed: [3, 11],
    proportionalAttention: false,
    distillationToken: true,
  },
  {
    name: "evit, fused tokens fused again",
    policy: "evit",
    layers: [0, 1, 2],
    removed: [3, 4, 3],
    proportionalAttention: false,
  },
  {
    name: "evit down to the fused token, distillation token",
    policy: "evit",
    layers: [0, 1],
    removed: [3, 11],
    proportionalAttention: false,
    distillationToken: true,
  },
  {
    name: "evit with proportional attention",
    policy: "evit",
    layers: [0, 1],
    removed: [4, 4],
    proportionalAttention: true,
  },
];

const weightSeed = 12;
const batch = 3;

const dot = (a: Vector, b: Vector) => a.reduce((sum, value, i) => sum + value * b[i]!, 0);
const plus = (a: Vector, b: Vector) => a.map((value, i) => value + b[i]!);
const times = (a: Vector, factor: number) => a.map((value) => value * factor);
const total = (values: Vector) => values.reduce((sum, value) => sum + value, 0);

/** Indices by descending value, ties in order. */
const descending = (values: Vector) => values.map((_, i) => i).sort((a, b) => values[b]! - values[a]! || a - b);

function softmax(logits: Vector): Vector {
  const highest = Math.max(...logits);
  const exponentials = logits.map((logit) => Math.exp(logit - highest));
  return times(exponentials, 1 / total(exponentials));
}

/** The layers of one model, by timm's names. */
function layersOf(weights: Tensors<HostTensor>, epsilon: number) {
  const row = (x: HostTensor, i: number) => {
    const length = x.data.length / x.shape[0]!;
    return Array.from(x.data.subarray(i * length, (i + 1) * length));
  };
  return {
    row,
    linear(name: string, x: Vector): Vector {
      const [weight, bias] = [weights[`${name}.weight`]!, weights[`${name}.bias`]!];
      return Array.from(bias.data, (b, o) => b + dot(row(weight, o), x));
    },
    norm(name: string, x: Vector): Vector {
      const mean = total(x) / x.length;
      const deviation = Math.sqrt(total(x.map((value) => (value - mean) ** 2)) / x.length + epsilon);
      const [weight, bias] = [weights[`${name}.weight`]!.data, weights[`${name}.bias`]!.data];
      return x.map((value, c) => ((value - mean) / deviation) * weight[c]! + bias[c]!);
    },
  };
}

interface Outcome {
  readonly logits: Vector;
  readonly tokens: readonly Token[];
}

/** One image through the model. */
function classify(config: VisionModelConfig, pixels: Float32Array, settings: PolicyCase): Outcome {
  const weights = randomWeights(config, weightSeed);
  const { row, linear, norm } = layersOf(weights, config.layerNormEpsilon);
  const { heads, hiddenSize: C } = config;
  const d = C / heads;
  const head = (x: Vector, h: number) => x.slice(h * d, (h + 1) * d);
  const special = config.distillationToken ? 2 : 1;

  const embedded = [
    Array.from(weights.cls_token!.data),
    ...(config.distillationToken ? [Array.from(weights.dist_token!.data)] : []),
    ...patchesOf(config, pixels).map((patch) =>
      Array.from(
        { length: C },
        (_, c) => weights["patch_embed.proj.bias"]!.data[c]! + dot(row(weights["patch_embed.proj.weight"]!, c), patch),
      ),
    ),
  ];
  const positions = weights.pos_embed!.data;
  let tokens: Token[] = embedded.map((x, i) => ({
    x: plus(x, Array.from(positions.subarray(i * C, (i + 1) * C))),
    size: 1,
    contains: [i],
  }));

  for (let layer = 0; layer < config.layers; layer++) {
    const name = `blocks.${layer}`;
    const qkv = tokens.map(({ x }) => linear(`${name}.attn.qkv`, norm(`${name}.norm1`, x)));
    const part = (k: number) => qkv.map((row) => row.slice(k * C, (k + 1) * C));
    const [q, keys, values] = [part(0), part(1), part(2)];
    const attend = (i: number, h: number) =>
      softmax(
        keys.map((key, j) => {
          const bias = settings.proportionalAttention ? Math.log(tokens[j]!.size) : 0;
          return dot(head(q[i]!, h), head(key, h)) / Math.sqrt(d) + bias;
        }),
      );
    const everyHead = Array.from({ length: heads }, (_, h) => h);
    const mixed = tokens.map((_, i) =>
      everyHead.flatMap((h) => {
        const weight = attend(i, h);
        return Array.from({ length: d }, (_, c) => total(values.map((value, j) => weight[j]! * value[h * d + c]!)));
      }),
    );
    const attended = tokens.map((token, i) => ({ ...token, x: plus(token.x, linear(`${name}.attn.proj`, mixed[i]!)) }));

    const classRows = everyHead.map((h) => attend(0, h));
    const attention = tokens.map((_, j) => total(classRows.map((row) => row[j]!)) / heads);
    const meanKeys = keys.map((key) =>
      Array.from({ length: d }, (_, c) => total(everyHead.map((h) => key[h * d + c]!)) / heads),
    );
    const at = settings.layers.indexOf(layer);
    const reduced =
      at < 0
        ? attended
        : reduce(attended, special, settings.removed[at]!, settings, { attention, keys: meanKeys, values });

    tokens = reduced.map((token) => {
      const hidden = linear(`${name}.mlp.fc1`, norm(`${name}.norm2`, token.x));
      const activated = hidden.map((value) => (value * (1 + erf(value / Math.SQRT2))) / 2);
      return { ...token, x: plus(token.x, linear(`${name}.mlp.fc2`, activated)) };
    });
  }
  return { logits: linear("head", norm("norm", tokens[0]!.x)), tokens };
}

/** Each patch's values in the order channel, row, column. */
function patchesOf(
  { imageSize: [H, W], patchSize: [h, w], channels }: VisionModelConfig,
  pixels: Float32Array,
): Vector[] {
  const patches: Vector[] = [];
  for (let top = 0; top < H; top += h)
    for (let left = 0; left < W; left += w)
      patches.push(
        Array.from({ length: channels * h * w }, (_, i) => {
          const [channel, y, x] = [Math.floor(i / (h * w)), Math.floor(i / w) % h, i % w];
          return pixels[(channel * H + top + y) * W + left + x]!;
        }),
      );
  return patches;
}

interface Seen {
  /** The class token's attention, mean over heads. */
  readonly attention: Vector;
  /** Mean over heads. */
  readonly keys: readonly Vector[];
  readonly values: readonly Vector[];
}

function reduce(tokens: readonly Token[], special: number, removed: number, settings: PolicyCase, seen: Seen): Token[] {
  // Without proportional attention sizes start again at 1 in every stage.
  const sized = settings.proportionalAttention ? tokens : tokens.map((token) => ({ ...token, size: 1 }));
  const first = sized.slice(0, special);
  const rest = sized.slice(special);
  const attention = seen.attention.slice(special);
  const best = (by: Vector, count: number) =>
    descending(by)
      .slice(0, count)
      .map((i) => rest[i]!);

  switch (settings.policy) {
    case "top-k":
      return [...first, ...best(attention, rest.length - removed)];
    case "evit": {
      const order = descending(attention);
      const kept = order.slice(0, rest.length - removed - 1);
      const fused = order.slice(kept.length);
      return [
        ...first,
        ...kept.map((i) => rest[i]!),
        fuse(
          fused.map((i) => rest[i]!),
          fused.map((i) => attention[i]!),
        ),
      ];
    }
    case "tome":
      return pool(sized, special, removed, seen.keys);
    case "ppt": {
      const raw = rest.map((_, i) => attention[i]! * Math.hypot(...seen.values[special + i]!));
      const scores = times(raw, 1 / total(raw));
      const mean = 1 / scores.length;
      const variance = total(scores.map((score) => (score - mean) ** 2)) / (scores.length - 1);
      if (variance < settings.threshold! / scores.length ** 2) return pool(sized, special, removed, seen.keys);
      return [...first, ...best(scores, rest.length - removed)];
    }
  }
}

const containing = (tokens: readonly Token[]) => tokens.flatMap(({ contains }) => contains);
const sizeOf = (tokens: readonly Token[]) => total(tokens.map(({ size }) => size));
const sumOf = (tokens: readonly Token[], weights: Vector) =>
  tokens.map(({ x }, i) => times(x, weights[i]!)).reduce(plus);

/** The sum weighted by attention, which is not made to sum to 1. */
const fuse = (tokens: readonly Token[], attention: Vector): Token => ({
  x: sumOf(tokens, attention),
  size: sizeOf(tokens),
  contains: containing(tokens),
});

/** Their mean, weighted by size. */
const merge = (tokens: readonly Token[]): Token => ({
  x: times(
    sumOf(
      tokens,
      tokens.map(({ size }) => size),
    ),
    1 / sizeOf(tokens),
  ),
  size: sizeOf(tokens),
  contains: containing(tokens),
});

/** Bipartite soft matching: even positions merge into the odd one that is most like them. */
function pool(tokens: readonly Token[], special: number, removed: number, keys: readonly Vector[]): Token[] {
  const free = tokens.map((_, i) => i).slice(special);
  const A = free.filter((i) => i % 2 === 0);
  const B = free.filter((i) => i % 2 === 1);
  const cosine = (i: number, j: number) => dot(keys[i]!, keys[j]!) / Math.hypot(...keys[i]!) / Math.hypot(...keys[j]!);
  const picks = A.map((a) => B.reduce((best, b) => (cosine(a, b) > cosine(a, best) ? b : best)));
  const merged = new Set(descending(A.map((a, i) => cosine(a, picks[i]!))).slice(0, removed));
  return [
    ...tokens.slice(0, special),
    ...A.filter((_, i) => !merged.has(i)).map((a) => tokens[a]!),
    ...B.map((b) => merge([b, ...A.filter((_, i) => merged.has(i) && picks[i] === b)].map((i) => tokens[i]!))),
  ];
}

const stack = (rows: readonly Vector[], ...shape: number[]): HostTensor => ({
  shape: [rows.length, ...shape],
  data: Float32Array.from(rows.flat()),
});

export function policyCases(create: CreateBackend, { capabilities }: Backend): ConformanceCase[] {
  const exact = capabilities.precision === "float32";
  return cases.map((settings) => ({
    name: `policy: ${settings.name}`,
    run: () =>
      withBackend(create, async (backend) => {
        const config: VisionModelConfig = { ...tinyConfig, distillationToken: settings.distillationToken ?? false };
        const { policy, layers, removed: tokensRemoved, threshold, proportionalAttention } = settings;
        const model = await createVisionModel({
          config,
          weights: weightsFrom(randomWeights(config, weightSeed)),
          backend,
          reduction: {
            ...{ policy, layers, tokensRemoved, proportionalAttention },
            ...(threshold !== undefined && { threshold: { scaleFree: threshold } }),
          },
          outputs: { source: true },
        });
        const pixels = uniform([batch, config.channels, ...config.imageSize], 13);
        const length = pixels.data.length / batch;
        const expected = Array.from({ length: batch }, (_, image) =>
          classify(config, pixels.data.subarray(image * length, (image + 1) * length), settings),
        );
        const output = await model.run({ pixelValues: pixels.data, batch });
        await model.dispose();

        const logits = stack(
          expected.map((outcome) => outcome.logits),
          config.labels.length,
        );
        expectClose("logits", output.logits, logits, exact ? 1e-4 : reducedTolerance);
        // Close scores may change places in reduced precision, and the tokens with them.
        if (!exact) return;
        const tokens = expected[0]!.tokens.length;
        const inputs = output.source!.shape[2]!;
        const rows = expected.map(({ tokens }) => tokens.map(({ size }) => size));
        expectClose("size", output.size, stack(rows, tokens), 0);
        const maps = expected.map(({ tokens }) =>
          tokens.flatMap(({ contains }) => Array.from({ length: inputs }, (_, j) => (contains.includes(j) ? 1 : 0))),
        );
        expectClose("source", output.source, stack(maps, tokens, inputs), 0);
      }),
  }));
}
