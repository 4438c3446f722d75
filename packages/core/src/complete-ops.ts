/** The operations of a program on a backend that leaves next to nothing to defaults. */
import { attentionComposites } from "./attention-composites.js";
import { checkedComposites } from "./checked-composites.js";
import { checkedPrimitives } from "./checked-primitives.js";
import type { Composites, Ops, Primitives, Tensor } from "./seam.js";

/** The composites that such a backend implements: all but those that are made of other composites. */
export type OwnComposites<T extends Tensor> = Omit<Composites<T>, keyof ReturnType<typeof attentionComposites>>;

/** As `resolveOps`, without the code of the defaults. */
export function completeOps<T extends Tensor>(
  primitives: Primitives<T>,
  own: (ops: Primitives<T>) => OwnComposites<T>,
): Ops<T> {
  const base = checkedPrimitives(primitives);
  const resolved: Composites<T> = { ...attentionComposites(base, () => resolved), ...own(base) };
  return { ...base, ...checkedComposites(resolved) };
}
