/**
 * Draws the same random tensors as PyTorch's CPU generator in float64. Golden models thus store a seed instead of their random
 * weights, which would be most of their bytes.
 */
import type { HostTensor } from "@ppt-vit/core";
import { mersenne } from "pure-rand/generator/mersenne";

/** One tensor to draw, from a normal distribution around 0 or from a uniform distribution. */
export type DrawnTensor = { readonly name: string; readonly shape: readonly number[] } & (
  | { /** Standard deviation. */ readonly normal: number }
  | { /** Bounds. The upper bound is excluded. */ readonly uniform: readonly [from: number, to: number] }
);

/** The content of a `*.drawn.json` file. */
export interface DrawnTensors {
  /** The seed of `torch.Generator().manual_seed(seed)`. */
  readonly seed: number;
  /** Hash of the float32 values of all tensors, little-endian, one tensor after the other. */
  readonly sha256: string;
  /** Name of a safetensors file beside this one, with the tensors of the same model that are not drawn. */
  readonly stored?: string;
  /** The tensors in the order in which they are drawn. */
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

/** From this length on, ATen draws in chunks of this many values. */
const chunk = 16;

/** `torch.randn` and `torch.rand` of float64 on a CPU: ATen's `normal_fill` and `normal_distribution`. */
function torchGenerator(seed: number) {
  const bits = mersenne(seed);
  const word = () => bits.next() >>> 0;
  /** A value in [0, 1), from the lower 53 of 64 bits. The first word drawn is the upper one. */
  const unit = () => {
    const upper = word() & 0x1fffff;
    return (upper * 2 ** 32 + word()) * 2 ** -53;
  };
  const uniformly = (length: number) => Float64Array.from({ length }, unit);

  /** Box-Muller in place: values j and j + 8 of a chunk become a pair of normal values. */
  const fill = (values: Float64Array) => {
    for (let j = 0; j < chunk / 2; j++) {
      const radius = Math.sqrt(-2 * Math.log(1 - values[j]!));
      const angle = 2 * Math.PI * values[j + chunk / 2]!;
      values[j] = radius * Math.cos(angle);
      values[j + chunk / 2] = radius * Math.sin(angle);
    }
  };

  /** The second value of a pair, if a short tensor used only the first. The next short tensor begins with it. */
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
      // If the length is not a multiple of the chunk, ATen draws the last full chunk again.
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
