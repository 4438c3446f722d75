/** Cases of composites: attention between the tokens of one input, and the rotation of its queries and keys. */
import { hostTensor } from "@ppt-vit/core";
import type { HostTensor, ObservedKeys, ObservedQuery, Tensor, Tensors } from "@ppt-vit/core/backend";
import type { CompositeCase } from "./composite-case.js";
import { uniform } from "./harness.js";

interface SelfAttentionCase {
  readonly options: {
    readonly heads: number;
    readonly scale: number;
    readonly rows?: number;
    readonly observe?: ObservedQuery;
    readonly observedKeys?: ObservedKeys;
  };
  readonly biased?: boolean;
  /** First length of `logSize`: B, or 1 for sizes common to all images. Default: no sizes. */
  readonly sizes?: number;
  /** First length of the tables of a rotation: B, or 1. Default: no rotation. */
  readonly turned?: number;
}

/** Tables of N tokens. The first two are special, and turned by nothing. */
function rotationTables(images: number, N: number, pairs: number): Record<"cos" | "sin", HostTensor> {
  const angles = uniform([images, N, pairs], 50, -7, 7).data;
  const table = (of: (angle: number) => number) =>
    hostTensor([images, N, pairs], (i) => of(Math.floor(i / pairs) % N < 2 ? 0 : angles[i]!));
  return { cos: table(Math.cos), sin: table(Math.sin) };
}

/** x [B, N, C] turned as the formula says, channel by channel. */
function rotated(x: HostTensor, heads: number, { cos, sin }: Record<"cos" | "sin", HostTensor>): HostTensor {
  const [, N, C] = x.shape as [number, number, number];
  const d = C / heads;
  return hostTensor(x.shape, (i) => {
    const [token, channel] = [Math.floor(i / C), (i % C) % d];
    const image = cos.shape[0] === 1 ? 0 : Math.floor(token / N);
    const at = ((image * N + (token % N)) * d) / 2 + (channel % (d / 2));
    const [c, s] = [cos.data[at]!, sin.data[at]!];
    return channel < d / 2 ? x.data[i]! * c - x.data[i + d / 2]! * s : x.data[i]! * c + x.data[i - d / 2]! * s;
  });
}

export function* selfAttentionCases(): Generator<CompositeCase> {
  const [B, N, C] = [2, 13, 12];
  const q = uniform([B, N, C], 9);
  const options = { heads: 3, scale: 0.5 };
  for (const [which, images] of Object.entries({ "per image": B, "common to all images": 1 })) {
    const tables = rotationTables(images, N, 2);
    yield {
      name: `rotate by angles ${which}`,
      feeds: { q, ...tables },
      expected: rotated(q, 3, tables),
      apply: (c, f) => [c.rotate(f.q!, 3, { cos: f.cos!, sin: f.sin! })],
    };
  }

  const params: Record<string, HostTensor> = {};
  for (const [i, name] of ["query", "key", "value"].entries()) {
    // Weights this small give queries, keys and values as large as those above.
    params[`${name}.weight`] = uniform([C, C], 30 + i, -0.3, 0.3);
    params[`${name}.bias`] = uniform([C], 40 + i, -0.3, 0.3);
  }
  const projectionsOf = <T extends Tensor>(x: Tensors<T>, biased = true) => {
    const projection = (name: string) => ({
      weight: x[`${name}.weight`]!,
      bias: biased ? x[`${name}.bias`]! : undefined,
    });
    return { query: projection("query"), key: projection("key"), value: projection("value") };
  };
  yield {
    name: "selfAttention by computed weights",
    feeds: { tokens: uniform([B, N, C], 9), ...params },
    apply(c, x) {
      const { mixed, observed } = c.selfAttention(x.tokens!, projectionsOf(x), { ...options, observe: "class" });
      return [mixed, observed!.classAttention, observed!.keys, observed!.valueNorms];
    },
  };
  const attentions: Readonly<Record<string, SelfAttentionCase>> = {
    "": { options },
    " of the first tokens": { options: { ...options, rows: 2, observe: "class" } },
    " without biases": { options: { ...options, observe: "class" }, biased: false },
    " that is observed": { options: { ...options, observe: "class" } },
    " that is observed, with sizes per image": { options: { ...options, observe: "class" }, sizes: B },
    " of the first tokens, that the mean query observes": { options: { ...options, rows: 2, observe: "mean" } },
    " that the mean query observes": { options: { ...options, observe: "mean" } },
    " that the mean query observes, with sizes per image": { options: { ...options, observe: "mean" }, sizes: B },
    " that the mean query observes, with sizes common to all images": {
      options: { ...options, observe: "mean" },
      sizes: 1,
    },
    " that is observed, with sizes common to all images": { options: { ...options, observe: "class" }, sizes: 1 },
    " that is turned": { options: { ...options, observe: "class" }, turned: 1 },
    " that is turned, of the first tokens": { options: { ...options, rows: 3, observe: "mean" }, turned: B, sizes: B },
    " that is turned, with plain keys": {
      options: { ...options, observe: "class", observedKeys: "plain" },
      turned: B,
      sizes: B,
    },
  };
  for (const [which, { options, biased, sizes, turned }] of Object.entries(attentions))
    yield {
      name: `selfAttention${which}`,
      params,
      feeds: {
        tokens: uniform([B, N, C], 9),
        ...(sizes && { logSize: uniform([sizes, N], 12, 0, 3) }),
        ...(turned && rotationTables(turned, N, 2)),
      },
      apply(c, x) {
        const rotation = turned ? { cos: x.cos!, sin: x.sin! } : undefined;
        const settings = { ...options, logSize: x.logSize, rotation };
        const { mixed, observed } = c.selfAttention(x.tokens!, projectionsOf(x, biased), settings);
        return [mixed, ...(observed ? [observed.classAttention, observed.keys, observed.valueNorms] : [])];
      },
    };
}
