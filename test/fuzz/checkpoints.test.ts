/**
 * Tests that any checkpoint files either run or are refused with a code, soon and in little memory. The long run:
 * `FUZZ_ROUNDS=24000 npx vitest run test/fuzz/checkpoints`, with another FUZZ_SEED for other checkpoints.
 */
import { readFileSync } from "node:fs";
import { isPptError } from "@ppt-vit/core";
import { type CheckpointFiles, fromPretrained } from "@ppt-vit/pipeline";
import { expect, test } from "vitest";
import { mutatedCheckpoints, wholeCheckpoints } from "./checkpoints.js";
import { rounds, seed } from "./mutate.js";

/** Limit of processor time, which other load does not change. A call that waits for ever meets the test's timeout. */
const mostMs = 5000;
/** Limit above the peak that the process had before the first checkpoint. */
const mostMiB = 500;
const longestMessage = 2000;

const picture = readFileSync(new URL("../../packages/pipeline/fixtures/picture.png", import.meta.url));

/** A hundred times what the models cost undamaged. A model may legally cost more, so it is loaded but not run. */
const mostGmacs = 0.1;

/** The logits, or undefined if the model would compute for too long. */
async function classified(files: CheckpointFiles): Promise<Float32Array | readonly number[] | undefined> {
  const model = await fromPretrained(files);
  try {
    return model.gmacs.reduced > mostGmacs ? undefined : (await model.classify(picture)).logits;
  } finally {
    await model.dispose();
  }
}

async function embedded(files: CheckpointFiles): Promise<Float32Array | undefined> {
  const model = await fromPretrained(files, { task: "image-feature-extraction" });
  try {
    return model.gmacs.reduced > mostGmacs ? undefined : await model.embed(picture);
  } finally {
    await model.dispose();
  }
}

test("mutated checkpoints run, or are refused with a code", { timeout: 7_200_000 }, async () => {
  const peakMiB = () => process.resourceUsage().maxRSS / 1024;
  const outcomes = new Map<string, number>();
  const count = (outcome: string) => void outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
  // Runs one checkpoint first, because what loads once is not counted against the others.
  const [whole] = Object.values(wholeCheckpoints());
  expect(await classified({ name: "whole", read: async (file) => whole![file] })).toHaveLength(4);
  const before = peakMiB();
  for (const { name, files, task } of mutatedCheckpoints(rounds(800), seed())) {
    const start = process.cpuUsage();
    try {
      const values = task === "image-classification" ? await classified(files) : await embedded(files);
      expect(values?.every(Number.isFinite) ?? true, `${name}: the results are numbers`).toBe(true);
      count(values ? "runs" : "loads");
    } catch (error) {
      if (!isPptError(error)) throw new Error(`${name}: ${String(error)}`, { cause: error });
      expect(error.message.length, `${name}: ${error.message.slice(0, 200)}`).toBeLessThan(longestMessage);
      count(error.code);
    }
    const { user, system } = process.cpuUsage(start);
    expect((user + system) / 1000, `ms of ${name}`).toBeLessThan(mostMs);
    expect(peakMiB() - before, `MiB after ${name}`).toBeLessThan(mostMiB);
  }
  // A fuzzer that never gets past the header, or never breaks anything, tests nothing.
  for (const outcome of ["runs", "INVALID_CONFIG", "INVALID_WEIGHTS", "INVALID_SAFETENSORS", "INVALID_REDUCTION"])
    expect(outcomes.get(outcome) ?? 0, outcome).toBeGreaterThan(10);
});
