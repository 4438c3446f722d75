import { readFile } from "node:fs/promises";
import { createCpuBackend } from "@ppt-vit/backend-cpu";
import { createOnnxBackend, type OnnxBackend, type OnnxBackendOptions } from "@ppt-vit/backend-onnx";
import { conformanceCases, goldenUrl } from "@ppt-vit/conformance";
import { afterAll, beforeAll, describe, it } from "vitest";
import { keepDevice } from "./keep-device.js";

/**
 * Registers the conformance suite for one configuration of the backend. `more` registers what runs after it on the same device. Default: all
 * cases, else those whose names have these prefixes.
 */
export function describeConformance(
  name: string,
  options: OnnxBackendOptions,
  more?: () => void,
  startingWith = [""],
): void {
  describe(name, async () => {
    if (options.device === "webgpu") {
      let kept: OnnxBackend;
      beforeAll(async () => {
        kept = await keepDevice();
      });
      afterAll(() => kept.dispose());
    }
    const cases = await conformanceCases({
      create: () => createOnnxBackend(options),
      reference: () => createCpuBackend(),
      readGolden: (file) => readFile(new URL(file, goldenUrl)),
    });
    const chosen = cases.filter((one) => startingWith.some((start) => one.name.startsWith(start)));
    for (const { name, skip, run } of chosen) it.skipIf(skip)(skip ? `${name} (needs ${skip})` : name, run);
    more?.();
  });
}
