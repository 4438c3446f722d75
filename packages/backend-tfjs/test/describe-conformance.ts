import { readFile } from "node:fs/promises";
import { createCpuBackend } from "@ppt-vit/backend-cpu";
import { createTfjsBackend, type TfjsBackendOptions } from "@ppt-vit/backend-tfjs";
import { conformanceCases, goldenUrl } from "@ppt-vit/conformance";
import { describe, it } from "vitest";

/**
 * Registers the suite for one configuration of the backend. Default: all cases, else those whose names have these
 * prefixes.
 */
export function describeConformance(
  name: string,
  options: TfjsBackendOptions,
  liveTensors: () => number,
  startingWith = [""],
): void {
  describe(name, async () => {
    const cases = await conformanceCases({
      create: () => createTfjsBackend(options),
      reference: () => createCpuBackend(),
      readGolden: (file) => readFile(new URL(file, goldenUrl)),
      footprint: liveTensors,
    });
    const chosen = cases.filter((one) => startingWith.some((start) => one.name.startsWith(start)));
    for (const { name, skip, run } of chosen) it.skipIf(skip)(skip ? `${name} (needs ${skip})` : name, run);
  });
}
