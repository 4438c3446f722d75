/** Tests convolutions of maps that are larger than one strip: the conformance suite has small ones. */
import { createCpuBackend } from "@ppt-vit/backend-cpu";
import { createWasmBackend } from "@ppt-vit/backend-wasm";
import { sizeOf } from "@ppt-vit/core";
import type { Backend, HostTensor, Program, SlidingWindow } from "@ppt-vit/core/backend";
import { random } from "@ppt-vit/core/testing";
import { expect, it } from "vitest";

const backends: readonly [string, () => Backend | Promise<Backend>][] = [
  ["cpu", createCpuBackend],
  ["wasm", createWasmBackend],
  ["wasm, two threads", () => createWasmBackend({ threads: 2 })],
];

const windows: readonly SlidingWindow[] = [
  { kernel: [3, 3], stride: [1, 1], padding: [1, 1] },
  { kernel: [1, 1], stride: [1, 1], padding: [0, 0] },
  { kernel: [3, 5], stride: [2, 3], padding: [1, 2] },
];

const drawn = (shape: number[], seed: number): HostTensor => {
  const next = random(seed);
  return { shape, data: Float32Array.from({ length: sizeOf(shape) }, () => next() - 0.5) };
};

it.each(backends)(
  "%s gives what one product of all windows gives, batches and biases included",
  async (_name, create) => {
    const backend = await create();
    const x = drawn([2, 48, 37, 41], 1);
    for (const window of windows) {
      const weight = drawn([9, 48, ...window.kernel], 2);
      const program: Program = (ops, { weight, bias }, { x }) => {
        const strips = ops.convolution(x!, weight!, bias, window);
        const [B, O, rows, columns] = strips.shape as [number, number, number, number];
        const whole = ops.linear(ops.unfold(x!, window), ops.reshape(weight!, [O, -1]), bias);
        return { strips, whole: ops.reshape(ops.transpose(whole, [0, 2, 1]), [B, O, rows, columns]) };
      };
      const params = { weight, bias: drawn([9], 3) };
      const executable = await backend.compile(program, { params, inputs: { x: x.shape } });
      const { strips, whole } = await executable.run({ x });
      expect(strips!.shape).toEqual(whole!.shape);
      const furthest = strips!.data.reduce((most, value, i) => Math.max(most, Math.abs(value - whole!.data[i]!)), 0);
      expect(furthest).toBeLessThan(1e-4);
      await executable.dispose();
    }
    await backend.dispose();
  },
);
