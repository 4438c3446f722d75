/** Tests thousands of inferences in a process of their own: memory stays flat, and the process ends by itself. */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { useSoftwareVulkan } from "../packages/backend-onnx/test/webgpu.js";
import { root } from "../scripts/workspace.mjs";

const MB = 2 ** 20;

/** What the process holds: bytes, and entries of /proc. */
type Held = Record<"rss" | "arrayBuffers" | "heapUsed" | "wasm" | "files" | "threads", number>;

const found = useSoftwareVulkan();

describe("a sustained run", () => {
  it.each([["cpu", "2"], ["wasm", "2"], ...(found ? [["webgpu"]] : [])])(
    "%s: 2,000 inferences and 20 backends leave memory flat and no handle behind",
    { timeout: 120_000 },
    async (device, ...threads) => {
      const { stdout } = await promisify(execFile)(
        process.execPath,
        ["--expose-gc", join(root, "packages/backend-onnx/test/sustained.mjs"), device!, ...threads],
        // If something keeps the process alive, it is killed, and the test fails.
        { timeout: 110_000 },
      );
      const [before, after, first, last] = JSON.parse(stdout) as [Held, Held, Held, Held];
      // Feeds and outputs of one run are 18 KB, so those of 2,000 runs would be 36 MB.
      expect(after.arrayBuffers - before.arrayBuffers).toBeLessThan(MB);
      expect(after.heapUsed - before.heapUsed).toBeLessThan(2 * MB);
      // On wasm the memory of the process says little: V8 compiles in the background, and sets pages aside for the heap.
      if (device === "wasm") expect(after.wasm).toBe(before.wasm);
      else expect(after.rss - before.rss).toBeLessThan(8 * MB);
      expect(before.wasm > 0).toBe(device === "wasm");
      for (const [earlier, later] of [
        [before, after],
        [first, last],
      ] as const) {
        expect(later.files).toBeLessThanOrEqual(earlier.files);
        expect(later.threads).toBeLessThanOrEqual(earlier.threads);
      }
    },
  );
});
