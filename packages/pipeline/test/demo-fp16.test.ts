import { createOnnxBackend } from "@ppt-vit/backend-onnx";
import { describe, expect, it } from "vitest";
import { classifyAll } from "./demo-expectations.js";
import { committedSet, wholeSet } from "./evaluation-sets.js";

describe("half precision on the demo model", () => {
  it.each([{ reduction: false as const }, {}])(
    "top-1 within 0.5 points of float32, %o",
    { timeout: 300_000 },
    async (options) => {
      const { listing, pictureOf } = wholeSet ?? committedSet;
      const images: readonly { file: string; truth: string }[] = JSON.parse(listing).images;
      const paths = images.map(({ file }) => pictureOf(file));
      const correct = async (dtype: "fp32" | "fp16") => {
        const results = await classifyAll(paths, { ...options, backend: await createOnnxBackend({ dtype }) });
        return results.filter((result, i) => result.labels[0]!.label === images[i]!.truth).length;
      };
      const lost = Math.abs((await correct("fp32")) - (await correct("fp16")));
      expect(lost / images.length).toBeLessThanOrEqual(0.005);
    },
  );
});
