/** Loops over broadcast and permuted operands. */
import { type Shape, stridesOf } from "@ppt-vit/core/backend";

/** Strides of an operand of `shape` that is broadcast to `to`. They are 0 along repeated dimensions. */
export function broadcastStrides(shape: Shape, to: Shape): number[] {
  const own = stridesOf(shape);
  const lead = to.length - shape.length;
  return to.map((_, i) => (i < lead || shape[i - lead] === 1 ? 0 : own[i - lead]!));
}

/** Called for each row, with the index of its first output element and of the first element of each operand. */
type RowVisitor = (out: number, offsets: readonly number[]) => void;

/** A loop over the rows of an output. */
export interface RowLoop {
  /** Number of elements in each row. */
  readonly length: number;
  /** Step of each operand along a row. */
  readonly steps: readonly number[];
  forEach(visit: RowVisitor): void;
}

/**
 * Splits an output shape into rows that are as long as possible. Trailing dimensions become one row if every operand has the
 * same step throughout.
 */
export function rowLoop(shape: Shape, strides: readonly (readonly number[])[]): RowLoop {
  // Dimensions of length 1 are skipped. Two neighbours merge if the outer stride is the inner stride times the inner length.
  const lengths: number[] = [];
  const steps: number[][] = [];
  shape.forEach((length, axis) => {
    if (length === 1) return;
    const own = strides.map((s) => s[axis]!);
    const outer = steps.at(-1);
    if (outer?.every((step, operand) => step === own[operand]! * length)) {
      lengths[lengths.length - 1]! *= length;
      steps[steps.length - 1] = own;
    } else {
      lengths.push(length);
      steps.push(own);
    }
  });
  const length = lengths.pop() ?? 1;
  const rowSteps = steps.pop() ?? strides.map(() => 0);

  return {
    length,
    steps: rowSteps,
    forEach(visit) {
      const counter = new Array<number>(lengths.length).fill(0);
      const offsets = strides.map(() => 0);
      const rows = lengths.reduce((product, n) => product * n, 1);
      for (let row = 0; row < rows; row++) {
        visit(row * length, offsets);
        for (let axis = lengths.length - 1; axis >= 0; axis--) {
          for (let k = 0; k < offsets.length; k++) offsets[k]! += steps[axis]![k]!;
          if (++counter[axis]! < lengths[axis]!) break;
          for (let k = 0; k < offsets.length; k++) offsets[k]! -= steps[axis]![k]! * lengths[axis]!;
          counter[axis] = 0;
        }
      }
    },
  };
}
