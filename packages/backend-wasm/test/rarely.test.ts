/** Tests the run that loads the code of a rare composite. The code stays, so each test has new modules. */
// Compiles the kernels before the tests begin.
import "@ppt-vit/backend-wasm";
import type { Program } from "@ppt-vit/core/backend";
import { beforeEach, expect, it, vi } from "vitest";

beforeEach(() => void vi.resetModules());

const program: Program = (ops, _, { x }) => ({ y: ops.resizeBilinear(x!, [4, 4], false) });
const feeds = (value: number) => ({ x: { shape: [1, 1, 2, 2], data: new Float32Array(4).fill(value) } });

async function compiled() {
  const { createWasmBackend } = await import("@ppt-vit/backend-wasm");
  return createWasmBackend().compile(program, { params: {}, inputs: { x: [1, 1, 2, 2] } });
}

it("ends before the executable that is disposed meanwhile", async () => {
  const executable = await compiled();
  const run = executable.run(feeds(3));
  // It is under way a turn later.
  await Promise.resolve();
  const disposal = executable.dispose();
  expect((await run).y!.data).toEqual(new Float32Array(16).fill(3));
  await disposal;
});

it("ends before those that wait for it", async () => {
  const executable = await compiled();
  const ended: number[] = [];
  await Promise.all([1, 2, 3].map((value) => executable.run(feeds(value)).then(({ y }) => ended.push(y!.data[0]!))));
  expect(ended).toEqual([1, 2, 3]);
  await executable.dispose();
});
