import { readFile } from "node:fs/promises";
import { createCpuBackend } from "@ppt-vit/backend-cpu";
import { createWasmBackend } from "@ppt-vit/backend-wasm";
import { conformanceCases, goldenUrl } from "@ppt-vit/conformance";
import { describe, it } from "vitest";

describe("wasm backend", async () => {
  const cases = await conformanceCases({
    create: () => createWasmBackend(),
    reference: () => createCpuBackend(),
    readGolden: (file) => readFile(new URL(file, goldenUrl)),
  });
  for (const { name, skip, run } of cases) it.skipIf(skip)(skip ? `${name} (needs ${skip})` : name, run);
});
