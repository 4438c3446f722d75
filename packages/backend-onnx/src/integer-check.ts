/** Checks whether a device multiplies quantised weights correctly. Some devices return wrong numbers and report no error. */
import { firstLineOf, hostTensor, quantizeBlocks, quantizeRows } from "@ppt-vit/core";
import type { Backend, DType, HostTensor, Program, Quantized } from "@ppt-vit/core/backend";
import { type IntegerProducts, productFor } from "./integer-products.js";
import { noise, relativeDifference, type SelfCheck } from "./self-check.js";

type Kind = Quantized["kind"];

const quantizers: { readonly [Name in Kind]: (weight: HostTensor) => HostTensor } = {
  rows: quantizeRows,
  blocks: quantizeBlocks,
};

/** What people call weights of a layout. */
const titles: { readonly [Name in Kind]: string } = { rows: "8-bit", blocks: "4-bit" };

/** [O, I]: a layer's usual lengths, and odd ones whose rows end within a block. */
const layers = [
  [64, 384],
  [33, 80],
] as const;

/** Numbers of rows. Operators take different paths for one, for a few and for many. */
const rowCounts = [1, 3, 197];

const program: Program = (ops, params, inputs) =>
  Object.fromEntries(
    layers.map((_, i) => [`y${i}`, ops.linear(inputs[`x${i}`]!, params[`weight${i}`]!, params[`bias${i}`]!)]),
  );

/** x times the floats of the weight, plus bias. It is computed here, so that no device is compared with itself. */
function expectedOf(x: HostTensor, weight: HostTensor, bias: HostTensor): Float32Array {
  const [O, I] = weight.shape as [number, number];
  const { data } = weight;
  const rows = x.data.length / I;
  const out = new Float32Array(rows * O);
  for (let row = 0; row < rows; row++)
    for (let o = 0; o < O; o++) {
      let sum = bias.data[o]!;
      for (let i = 0; i < I; i++) sum += x.data[row * I + i]! * data[o * I + i]!;
      out[row * O + o] = sum;
    }
  return out;
}

async function check(kind: Kind, backend: Pick<Backend, "compile">, tolerance: number): Promise<SelfCheck> {
  const weights = layers.map(([O, I], n) => quantizers[kind](hostTensor([O, I], (i) => noise(i + n))));
  const biases = layers.map(([O]) => hostTensor([O], (i) => noise(i + 0.5)));
  const params = Object.fromEntries(
    layers.flatMap((_, i) => [
      [`weight${i}`, weights[i]!],
      [`bias${i}`, biases[i]!],
    ]),
  );
  const inputs = Object.fromEntries(layers.map(([, I], i) => [`x${i}`, [-1, 1, I]]));
  try {
    const executable = await backend.compile(program, { params, inputs });
    try {
      let difference = 0;
      for (const rows of rowCounts) {
        const feeds = layers.map(([, I], n) => hostTensor([rows, 1, I], (i) => noise(i + 0.25 + n)));
        const outputs = await executable.run(Object.fromEntries(feeds.map((feed, i) => [`x${i}`, feed])));
        for (const [i, feed] of feeds.entries()) {
          const expected = expectedOf(feed, weights[i]!, biases[i]!);
          difference = Math.max(difference, relativeDifference(outputs[`y${i}`]!.data, expected));
        }
      }
      if (Number.isFinite(difference)) return { agrees: difference < tolerance, difference };
      return { agrees: false, reason: "it gives NaN" };
    } finally {
      await executable.dispose();
    }
  } catch (error) {
    return { agrees: false, reason: firstLineOf(error) };
  }
}

/** The checks of one backend. Each layout is checked when a program first has weights of it. */
export interface IntegerChecks {
  /** What was checked so far, by the bits of the weights. */
  readonly results: Readonly<Partial<Record<Kind, SelfCheck>>>;
  /** The operators that take these parameters, without those that are wrong here, and what to tell about the latter. */
  settle(params: Readonly<Record<string, HostTensor>>): Promise<{ products: IntegerProducts; notices: string[] }>;
}

/** `compiling` compiles with the given operators. */
export function integerChecks(
  name: string,
  chosen: IntegerProducts,
  dtype: DType,
  compiling: (products: IntegerProducts) => Pick<Backend, "compile">,
): IntegerChecks {
  const started = new Map<Kind, Promise<SelfCheck>>();
  const results: Partial<Record<Kind, SelfCheck>> = {};
  return {
    results,
    async settle(params) {
      const kinds = new Set(Object.values(params).flatMap(({ quantized }) => (quantized ? [quantized.kind] : [])));
      let products = chosen;
      const notices: string[] = [];
      for (const kind of kinds) {
        const tolerance = productFor(chosen, kind)?.tolerances[dtype];
        if (tolerance === undefined) continue;
        const checking = started.get(kind) ?? check(kind, compiling(chosen), tolerance);
        started.set(kind, checking);
        const result = await checking;
        results[kind] = result;
        if (result.agrees) continue;
        products = { ...products, [kind]: undefined };
        const found =
          result.reason ?? `${result.difference!.toPrecision(2)} of the largest value, ${tolerance} allowed`;
        notices.push(
          `${name}: ${chosen[kind]} computes ${titles[kind]} weights wrongly on this device (${found}), so they are taken as floats, which needs more memory and time`,
        );
      }
      return { products, notices };
    },
  };
}
