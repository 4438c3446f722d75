/** Tests that fused attention is used only if it agrees with the unfused one on this device. */
import { createCpuBackend } from "@ppt-vit/backend-cpu";
import type { Backend, Shape } from "@ppt-vit/core";
import { describe, expect, it } from "vitest";
import { withChangedOutputs } from "../../backend-cpu/test/changed-outputs.js";
import { compareAttention, createOnnxBackend } from "../src/index.js";
import { useSoftwareVulkan } from "./webgpu.js";

/** A backend that changes its outputs: all of them, or those whose shape `which` accepts. */
function changed(
  backend: Backend,
  change: (value: number, index: number) => number,
  which = (_shape: Shape) => true,
): Pick<Backend, "compile"> {
  return withChangedOutputs(backend, (outputs) =>
    Object.fromEntries(
      Object.entries(outputs).map(([name, { shape, data }]) => [
        name,
        { shape, data: which(shape) ? data.map(change) : data },
      ]),
    ),
  );
}

describe("the check of fused attention", () => {
  const reference = createCpuBackend();

  it("finds the operator right on the native CPU, and it is used", async () => {
    const backend = await createOnnxBackend({ device: "cpu", attention: "fused" });
    expect(backend.info).toMatchObject({ attention: "fused", attentionCheck: { agrees: true } });
    expect(backend.info.attentionCheck!.difference).toBeLessThan(1e-5);
    await backend.dispose();
  });

  it("is not made where the operator was not asked for", async () => {
    const backend = await createOnnxBackend({ device: "cpu" });
    expect(backend.info).toEqual({ device: "cpu", dtype: "fp32", attention: "fused" });
  });

  it("sees one wrong value among thousands", async () => {
    const wrong = changed(reference, (value, i) => (i === 1000 ? value + 0.1 : value));
    const check = await compareAttention(wrong, reference, 1e-4);
    expect(check.agrees).toBe(false);
    expect(check.difference).toBeGreaterThan(1e-2);
  });

  it.each<[string, (shape: Shape) => boolean]>([
    ["one token attends alone, as in the last block", ([, queries]) => queries === 1],
    ["there are several images", ([batch]) => batch === 2],
    ["heads are wide", ([, , channels]) => channels === 160],
  ])("sees what is wrong only where %s", async (_where, which) => {
    const wrong = changed(reference, (value) => value * 1.01, which);
    expect((await compareAttention(wrong, reference, 1e-4)).agrees).toBe(false);
  });

  it("counts NaN as wrong", async () => {
    const wrong = changed(reference, (value, i) => (i === 1000 ? Number.NaN : value));
    expect(await compareAttention(wrong, reference, 1e-4)).toEqual({ agrees: false, reason: "it gives NaN" });
  });

  it("counts a failing device as wrong, and says why", async () => {
    const failing = { compile: () => Promise.reject(new Error("no such operator\nsomewhere")) };
    expect(await compareAttention(failing, reference, 1e-4)).toEqual({ agrees: false, reason: "no such operator" });
  });

  it.skipIf(!useSoftwareVulkan())("settles on what is right on WebGPU", async () => {
    const backend = await createOnnxBackend({ device: "webgpu", attention: "fused" });
    const { attention, attentionCheck } = backend.info;
    expect(attention).toBe(attentionCheck!.agrees ? "fused" : "decomposed");
    expect((await compareAttention(backend, reference, 1e-4)).agrees).toBe(true);
    await backend.dispose();
  });
});
