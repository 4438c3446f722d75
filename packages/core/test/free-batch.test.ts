/** Tests what a traced program refuses while the length of its batch is free. */
import { type Primitives, resolveOps, type Tensor } from "@ppt-vit/core/backend";
import { describe, expect, it } from "vitest";

const tensor = (...shape: number[]): Tensor => ({ shape, dtype: "float32" });

/** Operations that only compute shapes, as far as these tests call them. */
const primitives = {
  reshape: (_x: Tensor, shape: readonly number[]) => tensor(...shape),
  transpose: (x: Tensor, permutation: readonly number[]) => tensor(...permutation.map((axis) => x.shape[axis]!)),
  pad: (x: Tensor) => x,
} as unknown as Primitives<Tensor>;

const ops = resolveOps(primitives);
const refusal = (message: RegExp) =>
  expect.objectContaining({ code: "INVALID_SHAPE", message: expect.stringMatching(message) });

describe("a free batch", () => {
  const x = tensor(-1, 7, 12);

  it("stays in front when the rest is reshaped", () => {
    expect(ops.reshape(x, [-1, 84]).shape).toEqual([-1, 84]);
    expect(() => ops.reshape(x, [84, -1])).toThrow(refusal(/\[-1,7,12\] does not fit \[84,-1\]/));
  });

  it("cannot be reshaped after a transposition has moved it", () => {
    const moved = ops.transpose(x, [1, 0, 2]);
    expect(() => ops.reshape(moved, [-1, 12])).toThrow(refusal(/\[7,-1,12\] does not fit \[-1,12\]/));
    expect(ops.reshape(ops.transpose(moved, [1, 0, 2]), [-1, 84]).shape).toEqual([-1, 84]);
  });

  it("cannot be padded", () => {
    expect(() => ops.pad(x, 0, 1, 0)).toThrow(refusal(/axis 0 of \[-1,7,12\] is the free batch/));
    expect(ops.pad(x, 1, 1, 0)).toBe(x);
  });

  it("cannot be the width of an operation along the last axis, or the number of keys", () => {
    expect(() => ops.l2Norm(tensor(-1))).toThrow(refusal(/known length/));
    expect(() => ops.attention(tensor(2, 3, 12), tensor(2, -1, 12), tensor(2, -1, 12), { heads: 3, scale: 1 })).toThrow(
      refusal(/k is \[2,-1,12\]/),
    );
  });
});
