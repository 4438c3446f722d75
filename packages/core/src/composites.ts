/** Joins primitives and composites into the operations of a program. */
import { checkedComposites } from "./checked-composites.js";
import { checkedPrimitives } from "./checked-primitives.js";
import { defaultComposites } from "./default-composites.js";
import type { Composites, Ops, Primitives, Tensor } from "./seam.js";

/** Makes the composites that a backend implements itself. An override may call the default for cases it does not cover. */
export type Overrides<T extends Tensor> = (ops: Primitives<T>, defaults: Composites<T>) => Partial<Composites<T>>;

/**
 * The operations of a program: the primitives, and for each composite the backend's override or the default. Each call that
 * a program makes is checked once, before the default or the override runs. Composites that call composites are not checked
 * again.
 * @returns operations that throw PptError INVALID_SHAPE, INVALID_DTYPE, INVALID_INPUT or INVALID_OPTION (seam.ts)
 */
export function resolveOps<T extends Tensor>(primitives: Primitives<T>, overrides?: Overrides<T>): Ops<T> {
  const base = checkedPrimitives(primitives);
  const defaults: Composites<T> = defaultComposites(base, () => resolved);
  const resolved: Composites<T> = { ...defaults, ...overrides?.(base, defaults) };
  return { ...base, ...checkedComposites(resolved) };
}
