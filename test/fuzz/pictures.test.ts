/**
 * Tests that any picture file is either decoded or refused with a code, soon and in little memory. The long run:
 * `FUZZ_ROUNDS=20000 npx vitest run test/fuzz/pictures`, with another FUZZ_SEED for other pictures.
 */
import { decodeImage } from "@ppt-vit/pipeline";
import { expect, test } from "vitest";
import { rounds, seed } from "./mutate.js";
import { mutatedPictures } from "./pictures.js";

const mostMs = 5000;
const mostMiB = 500;

test("mutated pictures are decoded, or refused with a code", { timeout: 3_600_000 }, async () => {
  const outcomes = { decoded: 0, refused: 0 };
  for (const { name, bytes } of mutatedPictures(rounds(600), seed())) {
    const start = performance.now();
    await decodeImage(bytes, { firstFrame: true }).then(
      ({ width, height, data }) => {
        expect(data.length, name).toBe(3 * width * height);
        outcomes.decoded++;
      },
      (error) => {
        expect(error.code, `${name}: ${error}`).toBe("INVALID_IMAGE");
        outcomes.refused++;
      },
    );
    expect(performance.now() - start, name).toBeLessThan(mostMs);
    expect(process.resourceUsage().maxRSS / 1024, `MiB after ${name}`).toBeLessThan(mostMiB);
  }
  // A fuzzer that never gets past the header, or never breaks anything, tests nothing.
  expect(outcomes.decoded).toBeGreaterThan(50);
  expect(outcomes.refused).toBeGreaterThan(50);
});
