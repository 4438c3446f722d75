/** Errors, whatever was thrown. */
import { createCpuBackend } from "@ppt-vit/backend-cpu";
import { tinyConfig } from "@ppt-vit/conformance";
import { createVisionModel, randomWeights, reasonOf, weightsFrom } from "@ppt-vit/core";
import { expect, it } from "vitest";

it.each([
  ["an error", new Error("no"), "no"],
  ["a text", "no", "no"],
  ["nothing", undefined, "undefined"],
  ["an object without a prototype", Object.create(null), "an object that cannot be shown was thrown"],
])("%s has a reason", (_what, thrown, reason) => {
  expect(reasonOf(thrown)).toBe(reason);
});

it("a backend that compiles to nothing is named", async () => {
  const backend = { ...createCpuBackend(), name: "mine", compile: async () => ({}) as never };
  const weights = weightsFrom(randomWeights(tinyConfig, 1));
  await expect(createVisionModel({ config: tinyConfig, weights, backend })).rejects.toMatchObject({
    code: "INVALID_OPTION",
    message: "backend 'mine': what compile() gave is {}, expected an executable { run, dispose }",
  });
});
