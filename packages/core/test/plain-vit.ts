/** A ViT with PPT in float64, written plainly and token by token: the reference for dense features. */
import type { HostTensor, VisionModelConfig } from "@ppt-vit/core";

type Vector = number[];

interface Token {
  x: Vector;
  /** Indices of the input tokens that it contains. */
  readonly contains: readonly number[];
}

export interface PlainReduction {
  readonly layers: readonly number[];
  readonly removed: number;
  /** Images with N^2 * variance of at least this are pruned. */
  readonly scaleFree: number;
}

/** dense features [patches][C] of one image [3, H, W]. Weights have timm's names, and the activation is quick GELU. */
export function plainDenseFeatures(
  config: VisionModelConfig,
  weights: Readonly<Record<string, HostTensor>>,
  pixels: Float32Array,
  reduction: PlainReduction,
): { dense: Vector[]; policies: ("prune" | "pool")[] } {
  const { hiddenSize: C, heads, layerNormEpsilon } = config;
  const d = C / heads;
  const special = config.distillationToken ? 2 : 1;

  const linear = (name: string, x: Vector): Vector => {
    const { shape, data } = weights[`${name}.weight`]!;
    const inputs = data.length / shape[0]!;
    const bias = weights[`${name}.bias`];
    return Array.from({ length: shape[0]! }, (_, o) =>
      x.reduce((sum, value, i) => sum + value * data[o * inputs + i]!, bias?.data[o] ?? 0),
    );
  };
  const norm = (name: string, x: Vector): Vector => {
    const mean = sum(x) / C;
    const deviation = Math.sqrt(sum(x.map((value) => (value - mean) ** 2)) / C + layerNormEpsilon);
    return x.map(
      (v, c) => ((v - mean) / deviation) * weights[`${name}.weight`]!.data[c]! + weights[`${name}.bias`]!.data[c]!,
    );
  };

  let tokens: Token[] = embed(config, weights, pixels, linear).map((x, j) => ({ x, contains: [j] }));
  const last = new Map<number, Vector>();
  const remember = ({ x, contains }: Token) => {
    for (const j of contains) last.set(j, x);
  };
  const policies: ("prune" | "pool")[] = [];

  for (let layer = 0; layer < config.layers; layer++) {
    const block = `blocks.${layer}`;
    const qkv = tokens.map(({ x }) => linear(`${block}.attn.qkv`, norm(`${block}.norm1`, x)));
    const [q, k, v] = [0, 1, 2].map((part) => qkv.map((row) => row.slice(part * C, (part + 1) * C))) as [
      Vector[],
      Vector[],
      Vector[],
    ];
    const head = (x: Vector, h: number) => x.slice(h * d, (h + 1) * d);
    const attention = (i: number, h: number): Vector =>
      softmax(
        tokens.map(({ contains }, j) => dot(head(q[i]!, h), head(k[j]!, h)) / Math.sqrt(d) + Math.log(contains.length)),
      );
    tokens = tokens.map((token, i) => {
      const mixed = range(heads).flatMap((h) => {
        const row = attention(i, h);
        return range(d).map((c) => sum(row.map((weight, j) => weight * v[j]![h * d + c]!)));
      });
      return { ...token, x: plus(token.x, linear(`${block}.attn.proj`, mixed)) };
    });

    if (reduction.layers.includes(layer)) {
      const classRows = range(heads).map((h) => attention(0, h));
      const raw = tokens.map((_, j) => sum(classRows.map((row) => row[j]!)) * length(v[j]!)).slice(special);
      const scores = raw.map((score) => score / sum(raw));
      const variance = sum(scores.map((s) => (s - 1 / scores.length) ** 2)) / (scores.length - 1);
      const prunes = scores.length ** 2 * variance >= reduction.scaleFree;
      policies.push(prunes ? "prune" : "pool");
      if (prunes) {
        const ranked = range(scores.length).sort((a, b) => scores[b]! - scores[a]! || a - b);
        const kept = ranked.slice(0, ranked.length - reduction.removed);
        for (const j of ranked.slice(kept.length)) remember(tokens[special + j]!);
        tokens = [...tokens.slice(0, special), ...kept.map((j) => tokens[special + j]!)];
      } else {
        const metric = k.map((key) => range(d).map((c) => sum(range(heads).map((h) => key[h * d + c]!))));
        tokens = pool(tokens, metric, special, reduction.removed);
      }
    }
    tokens = tokens.map((token) => {
      const hidden = linear(`${block}.mlp.fc1`, norm(`${block}.norm2`, token.x)).map(quickGelu);
      return { ...token, x: plus(token.x, linear(`${block}.mlp.fc2`, hidden)) };
    });
  }
  tokens.forEach(remember);
  const patches = range(last.size).slice(special);
  return { dense: patches.map((j) => norm("norm", last.get(j)!)), policies };
}

/** Class token, distillation token and patches, each with its position added. */
function embed(
  { imageSize, patchSize, channels, distillationToken, hiddenSize: C }: VisionModelConfig,
  weights: Readonly<Record<string, HostTensor>>,
  pixels: Float32Array,
  linear: (name: string, x: Vector) => Vector,
): Vector[] {
  const [H, W] = imageSize;
  const [h, w] = patchSize;
  const tokens = [Array.from(weights.cls_token!.data)];
  if (distillationToken) tokens.push(Array.from(weights.dist_token!.data));
  for (let top = 0; top < H; top += h)
    for (let left = 0; left < W; left += w) {
      const patch = range(channels * h * w).map((i) => {
        const [channel, y, x] = [Math.floor(i / (h * w)), Math.floor(i / w) % h, i % w];
        return pixels[(channel * H + top + y) * W + left + x]!;
      });
      tokens.push(linear("patch_embed.proj", patch));
    }
  return tokens.map((x, j) => x.map((value, c) => value + weights.pos_embed!.data[j * C + c]!));
}

/** Merges the `removed` best matches of even tokens with odd ones, weighted by size. */
function pool(tokens: Token[], metric: Vector[], special: number, removed: number): Token[] {
  const free = range(tokens.length).slice(special);
  const [A, B] = [free.filter((j) => j % 2 === 0), free.filter((j) => j % 2 === 1)];
  const cosine = (i: number, j: number) => dot(metric[i]!, metric[j]!) / length(metric[i]!) / length(metric[j]!);
  const matches = A.map((a) => {
    const pick = B.reduce((best, b) => (cosine(a, b) > cosine(a, best) ? b : best));
    return { a, pick, similarity: cosine(a, pick) };
  });
  const merging = matches.toSorted((m, n) => n.similarity - m.similarity || m.a - n.a).slice(0, removed);
  const gone = new Set(merging.map(({ a }) => a));
  const merged = B.map((b) => {
    const group = [b, ...merging.filter(({ pick }) => pick === b).map(({ a }) => a)].map((j) => tokens[j]!);
    const contains = group.flatMap((token) => token.contains);
    const x = tokens[b]!.x.map((_, c) => sum(group.map((one) => one.x[c]! * one.contains.length)) / contains.length);
    return { x, contains };
  });
  return [...tokens.slice(0, special), ...A.filter((a) => !gone.has(a)).map((a) => tokens[a]!), ...merged];
}

const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
const sum = (x: readonly number[]): number => x.reduce((total, value) => total + value, 0);
const dot = (a: Vector, b: Vector): number => sum(a.map((value, i) => value * b[i]!));
const plus = (a: Vector, b: Vector): Vector => a.map((value, i) => value + b[i]!);
const length = (x: Vector): number => Math.sqrt(dot(x, x));
const quickGelu = (x: number): number => x / (1 + Math.exp(-1.702 * x));

function softmax(x: Vector): Vector {
  const exponentials = x.map((value) => Math.exp(value - Math.max(...x)));
  return exponentials.map((value) => value / sum(exponentials));
}
