/**
 * A head that pools by attention: a learnt query, the probe, attends to all tokens, and an MLP follows (MAP head of arXiv
 * 2106.04560). SigLIP has one.
 */
import { PptError } from "../errors.js";
import type { HostTensor, Ops, Shape, Tensor } from "../seam.js";
import { attentionScaleOf, type VisionModelConfig } from "./config.js";
import { type AttentionPoolNames, type Names, poolParts, tensorName } from "./names.js";

type Part = (typeof poolParts)[number];

/** Shapes of the head's weights, by their parts. Biases are [rows]; norms have no more than that. */
export function poolShapes({ hiddenSize: C, intermediateSize }: VisionModelConfig): Record<Part, Shape> {
  const square = [C, C];
  return {
    ...{ query: square, key: square, value: square, output: square },
    ...{ norm2: [C], fc1: [intermediateSize, C], fc2: [C, intermediateSize] },
  };
}

/** @throws PptError INVALID_WEIGHTS if checkpoints with these names have no such head */
export function poolNames({ attentionPool, blocks }: Names): AttentionPoolNames {
  if (attentionPool) return attentionPool;
  throw new PptError(
    "INVALID_WEIGHTS",
    `weights: the config asks for a head that pools by attention, and checkpoints with names like '${blocks}.0' have none: the config belongs to another model`,
  );
}

/** Matches the names of the head's tensors. */
export function poolTensor(names: Names): RegExp {
  const { probe, ...places } = poolNames(names);
  const layers = Object.values(places).map((place) => `${tensorName(place)}.`);
  return new RegExp(`^(${[`${probe}$`, ...layers].join("|").replaceAll(".", "\\.")})`);
}

/** The probe's query [1, 1, C], from the probe [1, 1, C]. It is the same for all pictures, so it is computed once, in float64. */
export function probeQuery(probe: HostTensor, weight: HostTensor, bias: HostTensor): HostTensor {
  const C = probe.data.length;
  const [x, w, b] = [probe.data, weight.data, bias.data];
  const data = Float32Array.from({ length: C }, (_, row) => {
    let sum = b[row]!;
    for (let i = 0; i < C; i++) sum += w[row * C + i]! * x[i]!;
    return sum;
  });
  return { shape: [1, 1, C], data };
}

/**
 * What the probe gathers from tokens [B, N, C] of these sizes, before the MLP. -> [B, 1, C]
 * `params` are the head's: `query` [1, 1, C], and the layers `key`, `value` and `output`.
 */
export function gatherByProbe<T extends Tensor>(
  ops: Ops<T>,
  config: VisionModelConfig,
  params: Readonly<Record<string, T>>,
  tokens: T,
  logSize: T | undefined,
): T {
  const linear = (x: T, name: string) => ops.linear(x, params[`${name}.weight`]!, params[`${name}.bias`]);
  // Attention takes a query for each image.
  const query = ops.add(ops.mul(ops.slice(tokens, 1, 0, 1), 0), params.query!);
  const options = { heads: config.heads, scale: attentionScaleOf(config), logSize };
  return linear(ops.attention(query, linear(tokens, "key"), linear(tokens, "value"), options), "output");
}

/** Multiply-accumulates of the head for one picture of N remaining tokens. The probe's query is no part of a run. */
export const poolMacs = ({ hiddenSize: C, intermediateSize }: VisionModelConfig, N: number): number =>
  2 * N * C * C + 2 * N * C + C * C + 2 * C * intermediateSize;

/** The parts whose layers a run computes. */
export const pooledLayers = poolParts.filter((part) => part !== "query" && part !== "norm2");
