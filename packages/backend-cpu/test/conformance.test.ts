import { readFile } from "node:fs/promises";
import { createCpuBackend } from "@ppt-vit/backend-cpu";
import { conformanceCases, goldenUrl } from "@ppt-vit/conformance";
import { describe, it } from "vitest";

const readGolden = (file: string) => readFile(new URL(file, goldenUrl));
const reference = () => createCpuBackend({ decomposed: true });

describe("CPU backend", async () => {
  for (const { name, skip, run } of await conformanceCases({ create: () => createCpuBackend(), reference, readGolden }))
    it.skipIf(skip)(skip ? `${name} (needs ${skip})` : name, run);
});

describe("CPU backend, default decompositions", async () => {
  for (const { name, skip, run } of await conformanceCases({
    create: reference,
    reference: () => createCpuBackend(),
    readGolden,
  }))
    it.skipIf(skip)(skip ? `${name} (needs ${skip})` : name, run);
});
