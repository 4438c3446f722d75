/** The layouts of quantised matrices. To add one, write its file here, list it, and add its type to `Quantized` in seam.ts. */
import { counted } from "../counted.js";
import type { HostTensor, Quantized, Shape } from "../seam.js";
import { blocks } from "./blocks.js";
import type { QuantizedLayout } from "./layout.js";
import { rows } from "./rows.js";

const layouts: { readonly [Kind in Quantized["kind"]]: QuantizedLayout<Extract<Quantized, { kind: Kind }>> } = {
  rows,
  blocks,
};

const layoutOf = (kind: Quantized["kind"]): QuantizedLayout => layouts[kind] as QuantizedLayout;

/** Whether a value holds a matrix in one of the layouts. Its lengths are not looked at. */
export function isQuantized(value: unknown): value is Quantized {
  if (typeof value !== "object" || value === null) return false;
  const fields = value as Readonly<Record<string, unknown>>;
  const { kind } = fields;
  return typeof kind === "string" && Object.hasOwn(layouts, kind) && layoutOf(kind as Quantized["kind"]).holds(fields);
}

/** Says which field does not fit a tensor of this shape. */
export function quantizedProblem(shape: Shape, stored: Quantized): string | undefined {
  if (shape.length !== 2) return `is quantised with ${counted(shape.length, "dimension")}: only matrices are`;
  const expected = layoutOf(stored.kind).lengths(stored, shape[0]!, shape[1]!);
  for (const [field, length] of Object.entries(expected) as ["integers" | "scales", number][])
    if (stored[field].length !== length)
      return `has ${stored[field].length} ${field} for shape [${shape}], ${stored.kind} of it have ${length}`;
  return undefined;
}

/** A host tensor [O, I] that keeps its integers. Each reading of `data` computes the floats, so that nobody pays for both. */
export function quantizedTensor(shape: readonly [O: number, I: number], quantized: Quantized): HostTensor {
  return {
    shape,
    quantized,
    get data() {
      return layoutOf(quantized.kind).floats(quantized, ...shape);
    },
  };
}
