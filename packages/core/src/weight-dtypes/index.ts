/**
 * The precisions of weights. To add one, write its file here and list it: `fromPretrained({ dtype })`, `--dtype`, the
 * contenders `NAME:q8` of the benchmark, documentation and error messages follow.
 */
import { fp32 } from "./fp32.js";
import { q4 } from "./q4.js";
import { q8 } from "./q8.js";
import type { WeightDtype } from "./weight-dtype.js";

/** All precisions of weights, the default first. */
export const weightDtypes = [
  fp32, // the default
  q8,
  q4,
] as const satisfies readonly WeightDtype[];

/** The name of a precision of weights. */
export type WeightDtypeName = (typeof weightDtypes)[number]["name"];

/** The name of a precision that quantises weights. */
export type QuantizedDtypeName = Extract<(typeof weightDtypes)[number], { quantize: unknown }>["name"];

/** The names of all precisions of weights. */
export const weightDtypeNames: readonly WeightDtypeName[] = weightDtypes.map(({ name }) => name);

/** The precision of weights that are taken as they are. */
export const defaultDtype: WeightDtypeName = weightDtypes[0].name;

const isQuantizing = (name: unknown): name is QuantizedDtypeName =>
  weightDtypes.some((dtype) => dtype.name === name && "quantize" in dtype);

/** The names of the precisions that quantise weights. */
export const quantizedDtypeNames: readonly QuantizedDtypeName[] = weightDtypeNames.filter(isQuantizing);

/** What `createVisionModel({ quantize })` takes for a precision: nothing where weights stay as they are. */
export const quantizationOf = (name: WeightDtypeName = defaultDtype): QuantizedDtypeName | undefined =>
  isQuantizing(name) ? name : undefined;

/** The function that quantises the weights of linear layers for the precision called `name`. */
export function quantizerOf(name: QuantizedDtypeName): NonNullable<WeightDtype["quantize"]> {
  const dtype: WeightDtype = weightDtypes.find((one) => one.name === name)!;
  return dtype.quantize!;
}
