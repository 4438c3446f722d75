/** A case of misuse, which is one wrong call, and the tensors that all cases share. */
import type { PptErrorCode } from "@ppt-vit/core";
import type { HostTensor, Ops, Shape, SlidingWindow, Tensor, Tensors } from "@ppt-vit/core/backend";
import { uniform } from "../harness.js";

/** One wrong call. Every backend must refuse it, even if it overrides the operation. */
export interface Misuse {
  /** Starts with the operation's name, which the error message must contain too. */
  readonly name: string;
  /** The error's code. Default: INVALID_SHAPE. */
  readonly code?: PptErrorCode;
  /** What the message must also contain: the wrong argument, and what was found. */
  readonly mentions: readonly string[];
  /**
   * Whether the call may also succeed, because a backend without half precision keeps float32. If it fails, the message may
   * name a primitive inside the default instead of the operation.
   */
  readonly mayRun?: boolean;
  apply<T extends Tensor>(ops: Ops<T>, x: Tensors<T>): unknown;
}

/** A value that TypeScript would refuse, but a JavaScript program may pass. */
export const wrong = <R>(value: unknown): R => value as R;

export const window: SlidingWindow = { kernel: [3, 3], stride: [2, 2], padding: [1, 1] };

export const images = 3;
const [B, N, C] = [images, 7, 12];
/** Inputs of all cases. Those whose names start with `one` hold one image, the others three. */
export const inputs: Readonly<Record<string, Shape>> = {
  x: [B, N, C],
  one: [1, N, C],
  narrow: [B, N, 8],
  flat: [B, N],
  oneFlat: [1, N],
  first: [B, 1, C],
  oneFirst: [1, 1, C],
  size: [B, N, 1],
  keys: [B, 5, C],
  sizes5: [B, 5],
  image: [B, 3, 9, 9],
  deep: [B, 2, 2, 2, 2],
};
export const params: Tensors<HostTensor> = {
  weight: uniform([5, C], 1),
  square: uniform([C, C], 2),
  bias: uniform([5], 3),
  row: uniform([1, 5], 4),
  gain: uniform([C], 5),
  short: uniform([8], 6),
  filters: uniform([4, 3, 3, 3], 7),
  fewFilters: uniform([4, 2, 3, 3], 8),
  shift: uniform([4], 9),
};
