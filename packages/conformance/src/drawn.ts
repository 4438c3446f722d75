/**
 * Tensors that PyTorch's CPU generator draws in float64, made again from its seed. Random weights are most of a golden
 * model's bytes and say nothing that their seed does not say.
 */
import type { HostTensor } from "@ppt-vit/core";
import { mersenne } from "pure-rand/generator/mersenne";

/** One draw: values of a normal distribution around 0, or of a uniform one. */
export type DrawnTensor = { readonly name: string; readonly shape: readonly number[] } & (
  | { /** Standard deviation. */ readonly normal: number }
  | { /** Bounds; the upper one is excluded. */ readonly uniform: readonly [from: number, to: number] }
);

/** The content of a `*.drawn.json` file. */
export interface DrawnTensors {
  /** As in `torch.Generator().manual_seed(seed)`. */
  readonly seed: number;
  /** Of the float32 values of all tensors, little-endian, one tensor after the other. */
  readonly sha256: string;
  /** A safetensors file beside this one with the tensors of the same model that no seed gives. */
  readonly stored?: string;
  /** In the order in which they are drawn. */
  readonly tensors: readonly DrawnTensor[];
}

/** Draws all tensors in float64 and rounds them to float32, as the golden files were stored. */
export function drawTensors({ seed, tensors }: Pick<DrawnTensors, "seed" | "tensors">): Record<string, HostTensor> {
  const random = torchGenerator(seed);
  return Object.fromEntries(
    tensors.map((tensor) => {
      const { name, shape } = tensor;
      const length = shape.reduce((a, b) => a * b, 1);
      const data = "normal" in tensor ? random.normal(length, tensor.normal) : random.uniform(length, tensor.uniform);
      return [name, { shape, data }];
    }),
  );
}

/** ATen switches to drawing in chunks from this length on, and draws this many values a chunk. */
const chunk = 16;

/** `torch.randn` and `torch.rand` of float64 on a CPU: ATen's `normal_fill` and `normal_distribution`. */
function torchGenerator(seed: number) {
  const bits = mersenne(seed);
  const word = () => bits.next() >>> 0;
  /** In [0, 1), from the lower 53 of 64 bits; the first word drawn is the upper one. */
  const unit = () => {
    const upper = word() & 0x1fffff;
    return (upper * 2 ** 32 + word()) * 2 ** -53;
  };
  const uniformly = (length: number) => Float64Array.from({ length }, unit);

  /** Box-Muller in place: values j and j + 8 of a chunk make the pair of normal values that takes their places. */
  const fill = (values: Float64Array) => {
    for (let j = 0; j < chunk / 2; j++) {
      const radius = Math.sqrt(-2 * Math.log(1 - values[j]!));
      const angle = 2 * Math.PI * values[j + chunk / 2]!;
      values[j] = radius * Math.cos(angle);
      values[j + chunk / 2] = radius * Math.sin(angle);
    }
  };

  /** The second value of a pair that a short tensor left over; the next short tensor begins with it. */
  let spare: number | undefined;
  const single = () => {
    if (spare !== undefined) {
      const value = spare;
      spare = undefined;
      return value;
    }
    const angle = 2 * Math.PI * unit();
    const radius = Math.sqrt(-2 * Math.log1p(-unit()));
    spare = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  };

  const standardNormal = (length: number) => {
    if (length < chunk) return Float64Array.from({ length }, single);
    const values = uniformly(length);
    for (let start = 0; start + chunk <= length; start += chunk) fill(values.subarray(start, start + chunk));
    if (length % chunk > 0) {
      // ATen draws the last chunk again where the length is no multiple of it.
      const last = values.subarray(length - chunk);
      last.set(uniformly(chunk));
      fill(last);
    }
    return values;
  };

  return {
    normal: (length: number, deviation: number) => Float32Array.from(standardNormal(length), (x) => x * deviation),
    uniform: (length: number, [from, to]: readonly [number, number]) =>
      Float32Array.from(uniformly(length), (x) => x * (to - from) + from),
  };
}
