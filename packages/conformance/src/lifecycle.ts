/** Checks creating, running and disposing: nothing leaks, runs share no data, and misuse gets a typed error. */
import type { Backend, HostTensor, Program } from "@ppt-vit/core/backend";
import { footprintCases, type LifecycleOptions } from "./footprint.js";
import { type ConformanceCase, type CreateBackend, expectClose, expectError, uniform, withBackend } from "./harness.js";
import { tinyInput, tinyModel } from "./models.js";

const double: Program = (ops, params, { x }) => ({ y: ops.mul(ops.add(x!, params.shift!), 2) });

const shift: HostTensor = { shape: [3], data: Float32Array.of(1, 2, 3) };
const doubleOptions = { params: { shift }, inputs: { x: [-1, 3] } };
const doubled = (x: HostTensor): HostTensor => ({
  shape: x.shape,
  data: x.data.map((v, i) => 2 * (v + shift.data[i % 3]!)),
});

export function lifecycleCases(create: CreateBackend, options: LifecycleOptions): ConformanceCase[] {
  const cases: Record<string, (backend: Backend) => Promise<void>> = {
    "create, dispose, create again": async (backend) => {
      const x = uniform([2, 3], 1);
      for (let round = 0; round < 3; round++) {
        const executable = await backend.compile(double, doubleOptions);
        expectClose("y", (await executable.run({ x })).y, doubled(x), 1e-2);
        await executable.dispose();
        await executable.dispose();
      }
      await backend.dispose();
      await withBackend(create, async (next) => {
        const executable = await next.compile(double, doubleOptions);
        expectClose("y", (await executable.run({ x })).y, doubled(x), 1e-2);
      });
    },
    "the batch may change from run to run": async (backend) => {
      const executable = await backend.compile(double, doubleOptions);
      for (const batch of [1, 5, 2]) {
        const x = uniform([batch, 3], batch);
        expectClose(`y of ${batch}`, (await executable.run({ x })).y, doubled(x), 1e-2);
      }
    },
    "concurrent runs do not mix": async (backend) => {
      const executable = await backend.compile(double, doubleOptions);
      const inputs = Array.from({ length: 8 }, (_, i) => uniform([3, 3], i));
      const outputs = await Promise.all(inputs.map((x) => executable.run({ x })));
      inputs.forEach((x, i) => void expectClose(`run ${i}`, outputs[i]!.y, doubled(x), 1e-2));
    },
    "results belong to the caller, feeds and parameters stay as they are": async (backend) => {
      const executable = await backend.compile(double, doubleOptions);
      const x = uniform([2, 3], 1);
      const before = x.data.slice();
      const { y } = await executable.run({ x });
      const kept = y!.data.slice();
      y!.data.fill(7);
      await executable.run({ x: uniform([2, 3], 9) });
      expectClose("x", x, { shape: x.shape, data: before }, 0);
      expectClose("shift", shift, { shape: [3], data: Float32Array.of(1, 2, 3) }, 0);
      expectClose("y", (await executable.run({ x })).y, { shape: y!.shape, data: kept }, 0);
    },
    "two executables of one backend": async (backend) => {
      const first = await backend.compile(double, doubleOptions);
      const second = await backend.compile((ops, _params, { x }) => ({ y: ops.sub(x!, 1) }), {
        params: {},
        inputs: { x: [-1, 3] },
      });
      const x = uniform([2, 3], 1);
      await first.run({ x });
      await first.dispose();
      expectClose("y", (await second.run({ x })).y, { shape: x.shape, data: x.data.map((v) => v - 1) }, 1e-2);
    },
    "misuse gets typed errors": async (backend) => {
      const executable = await backend.compile(double, doubleOptions);
      await expectError("INVALID_INPUT", () => executable.run({}));
      await expectError("INVALID_INPUT", () => executable.run({ x: uniform([2, 4], 1) }));
      await expectError("INVALID_INPUT", () => executable.run({ x: { shape: [2, 3], data: new Float32Array(5) } }));
      // A failed run leaves the executable usable.
      const x = uniform([2, 3], 1);
      expectClose("y", (await executable.run({ x })).y, doubled(x), 1e-2);
      await executable.dispose();
      await expectError("DISPOSED", () => executable.run({ x }));
    },
    "a program that does not fit is refused by compile or run": async (backend) => {
      await expectError("INVALID_SHAPE", async () => {
        const executable = await backend.compile((ops, _params, { x }) => ({ y: ops.matMul(x!, x!) }), {
          params: {},
          inputs: { x: [2, 3] },
        });
        await executable.run({ x: uniform([2, 3], 1) });
      });
    },
    "a disposed backend refuses work": async (backend) => {
      const executable = await backend.compile(double, doubleOptions);
      await backend.dispose();
      await backend.dispose();
      await expectError("DISPOSED", () => executable.run({ x: uniform([1, 3], 1) }));
      await expectError("DISPOSED", () => backend.compile(double, doubleOptions));
    },
    "repeated runs give the same bits": async (backend) => {
      const model = await tinyModel(backend);
      const first = (await model.run(tinyInput)).logits;
      for (let run = 0; run < 20; run++) expectClose(`run ${run}`, (await model.run(tinyInput)).logits, first, 0);
    },
    ...footprintCases(options),
  };
  return Object.entries(cases).map(([name, run]) => ({
    name: `lifecycle: ${name}`,
    run: () => withBackend(create, run),
  }));
}
