/** One use of a composite, which the suite runs on a backend's own implementation and on the default. */
import type { Composites, HostTensor, Tensor, Tensors } from "@ppt-vit/core/backend";

export interface CompositeCase {
  readonly name: string;
  readonly feeds: Tensors<HostTensor>;
  /** Tensors that are parameters, which a backend may transform beforehand. */
  readonly params?: Tensors<HostTensor>;
  /** The results, or the one that every result is, if they are known by other means. They are compared as well. */
  readonly expected?: HostTensor | readonly HostTensor[];
  readonly needsNonFinite?: boolean;
  /** Allowed error where it may be larger than that of the backend's floats. */
  readonly tolerance?: number;
  apply<T extends Tensor>(composites: Composites<T>, x: Tensors<T>): T[];
}
