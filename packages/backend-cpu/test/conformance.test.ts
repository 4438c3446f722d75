import { readFile } from "node:fs/promises";
import { type CpuBackendOptions, createCpuBackend } from "@ppt-vit/backend-cpu";
import { conformanceCases, goldenUrl } from "@ppt-vit/conformance";
import { describe, it } from "vitest";
import { heldBytes } from "./held-bytes.js";

function describeConformance(name: string, own: CpuBackendOptions, other: CpuBackendOptions): void {
  describe(name, async () => {
    const cases = await conformanceCases({
      create: () => createCpuBackend(own),
      reference: () => createCpuBackend(other),
      readGolden: (file) => readFile(new URL(file, goldenUrl)),
      footprint: heldBytes,
      // The test runner's own buffers need some room. 50 runs of the tiny model that kept their activations would hold 2 MB.
      footprintSlack: 2 ** 18,
    });
    for (const { name, skip, run } of cases) it.skipIf(skip)(skip ? `${name} (needs ${skip})` : name, run);
  });
}

describeConformance("CPU backend", {}, { decomposed: true });
describeConformance("CPU backend, default decompositions", { decomposed: true }, {});
