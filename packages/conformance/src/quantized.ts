/** Linear layers with quantised weights. A backend may compute with their integers or with their floats. */
import { hostTensor, quantizeBlocks, quantizeRows } from "@ppt-vit/core";
import type { HostTensor } from "@ppt-vit/core/backend";
import type { CompositeCase } from "./composite-case.js";
import { uniform } from "./harness.js";
import { matMul, transpose } from "./reference.js";

/**
 * Allowed error of a product with quantised weights, relative to 1 + |expected|. A backend may quantise the activations too,
 * to 255 steps from their minimum to their maximum. In the widest case below, that gives a standard deviation of 0.011.
 */
const tolerance = 0.06;

/** The layouts of quantised matrices. */
const layouts = [
  { bits: 8, quantize: quantizeRows },
  { bits: 4, quantize: quantizeBlocks },
];

/** x times the floats of the weight, plus bias. */
function product(x: HostTensor, { data, shape }: HostTensor, bias?: HostTensor): HostTensor {
  const y = matMul(x, transpose({ data, shape }, [1, 0]));
  return bias ? { shape: y.shape, data: y.data.map((value, i) => value + bias.data[i % bias.data.length]!) } : y;
}

function quantizedCase(name: string, x: HostTensor, weight: HostTensor, bias?: HostTensor): CompositeCase {
  return {
    name,
    feeds: { x },
    params: { weight, ...(bias && { bias }) },
    expected: product(x, weight, bias),
    tolerance,
    apply: (c, f) => [c.linear(f.x!, f.weight!, f.bias)],
  };
}

/**
 * Rows of zeros, of one value, of large, of tiny and of falling values. All values of a row have one sign: the error of
 * quantised activations is then small beside the sum, however large the row is.
 */
const rowsOfAllKinds: readonly ((i: number) => number)[] = [
  () => 0,
  () => 0.7,
  () => -3,
  (i) => 100 * (1 + (i % 3)),
  (i) => 1e-6 * (1 + (i % 2)),
  (i) => -(0.5 ** (i % 9)),
];

export function* quantizedCases(): Generator<CompositeCase> {
  for (const { bits, quantize } of layouts) {
    const name = `linear with ${bits}-bit weights`;
    // Fewer columns than any kernel's tile, odd numbers, a layer's usual ones, and rows that end within a block.
    for (const [shape, O, bias] of [
      [[3, 3, 12], 5, true],
      [[2, 1, 37], 19, true],
      [[2, 20, 192], 64, true],
      [[1, 7, 80], 33, false],
    ] as const)
      yield quantizedCase(
        `${name} [${O},${shape[2]}]${bias ? "" : " without bias"}`,
        uniform(shape, 5),
        quantize(uniform([O, shape[2]], 6, -0.3, 0.3)),
        bias ? uniform([O], 3) : undefined,
      );
    const width = 40;
    const kinds = hostTensor([rowsOfAllKinds.length, width], (i) => rowsOfAllKinds[Math.floor(i / width)]!(i % width));
    yield quantizedCase(
      `${name}, rows of zeros, of one value, of large and of tiny values`,
      uniform([2, 5, width], 8, 0.5, 2),
      quantize(kinds),
      uniform([rowsOfAllKinds.length], 9),
    );
    yield quantizedCase(
      `${name}, activations of zeros`,
      hostTensor([2, 3, 64], () => 0),
      quantize(uniform([16, 64], 6)),
      uniform([16], 9),
    );
    // Kernels that add products in 16 bits saturate here, if weights in rows use all 8 bits.
    yield quantizedCase(
      `${name}, all of them as large as possible`,
      hostTensor([2, 3, 64], (i) => (i % 64 === 0 ? 0 : 2)),
      quantize(hostTensor([16, 64], (i) => (Math.floor(i / 64) % 2 === 0 ? 0.3 : -0.3))),
    );
  }
}
