/**
 * Whatever is in a checkpoint's files, it runs or is refused with a code, soon and in little memory. The long run:
 * `FUZZ_ROUNDS=24000 npx vitest run test/fuzz/checkpoints`, with another FUZZ_SEED for other checkpoints.
 */
import { readFileSync } from "node:fs";
import { isPptError } from "@ppt-vit/core";
import { fromPretrained } from "@ppt-vit/pipeline";
import { expect, test } from "vitest";
import { mutatedCheckpoints } from "./checkpoints.js";
import { rounds, seed } from "./mutate.js";

const mostMs = 5000;
/** Above what the process had before the first. */
const mostMiB = 500;
const longestMessage = 2000;

const picture = readFileSync(new URL("../../packages/pipeline/fixtures/picture.png", import.meta.url));

test("mutated checkpoints run, or are refused with a code", { timeout: 7_200_000 }, async () => {
  const peakMiB = () => process.resourceUsage().maxRSS / 1024;
  const outcomes = new Map<string, number>();
  const count = (outcome: string) => void outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
  const before = peakMiB();
  for (const { name, files, task } of mutatedCheckpoints(rounds(800), seed())) {
    const start = performance.now();
    try {
      if (task === "image-classification") {
        const model = await fromPretrained(files);
        try {
          const { logits } = await model.classify(picture);
          expect(logits.every(Number.isFinite), `${name}: logits are numbers`).toBe(true);
        } finally {
          await model.dispose();
        }
      } else {
        const model = await fromPretrained(files, { task });
        try {
          expect((await model.embed(picture)).every(Number.isFinite), `${name}: values are numbers`).toBe(true);
        } finally {
          await model.dispose();
        }
      }
      count("runs");
    } catch (error) {
      if (!isPptError(error)) throw new Error(`${name}: ${String(error)}`, { cause: error });
      expect(error.message.length, `${name}: ${error.message.slice(0, 200)}`).toBeLessThan(longestMessage);
      count(error.code);
    }
    expect(performance.now() - start, `ms of ${name}`).toBeLessThan(mostMs);
    expect(peakMiB() - before, `MiB after ${name}`).toBeLessThan(mostMiB);
  }
  // A fuzzer that reaches nothing behind the header, or breaks nothing, tests nothing.
  for (const outcome of ["runs", "INVALID_CONFIG", "INVALID_WEIGHTS", "INVALID_SAFETENSORS", "INVALID_REDUCTION"])
    expect(outcomes.get(outcome) ?? 0, outcome).toBeGreaterThan(10);
});
