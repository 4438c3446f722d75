/** Tests how many pictures are read and decoded before they are needed. */
import { PptError, type RgbImage } from "@ppt-vit/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Fetched, type LookAheadOptions, lookAhead, type Pictures } from "../src/pictures/look-ahead.js";

interface Given {
  readonly encodedBytes: number;
  readonly decodedBytes: number;
  readonly workingBytes?: number;
  readonly fails?: "fetch" | "decode";
}

/** Pictures that are numbers in `given`, and the most that were held and decoded at the same time. */
function fakePictures(given: readonly Given[]) {
  const seen = { held: 0, mostHeld: 0, decoding: 0, mostDecoding: 0, order: [] as number[] };
  const pictures: Pictures<number, Fetched & { index: number }> = {
    nameOf: String,
    async fetch(index) {
      await Promise.resolve();
      if (given[index]!.fails === "fetch") throw new PptError("NOT_FOUND", `${index}`);
      return { ...given[index]!, index };
    },
    async decode({ index, decodedBytes }) {
      seen.order.push(index);
      seen.held += decodedBytes;
      seen.mostHeld = Math.max(seen.mostHeld, seen.held);
      seen.mostDecoding = Math.max(seen.mostDecoding, ++seen.decoding);
      for (let n = 0; n < 1 + ((index * 7) % 5); n++) await Promise.resolve();
      seen.decoding--;
      if (given[index]!.fails === "decode") {
        seen.held -= decodedBytes;
        throw new PptError("INVALID_IMAGE", `${index}`);
      }
      return { width: index, height: 1, data: new Uint8Array(0) } satisfies RgbImage;
    },
  };
  return { pictures, seen };
}

const options: LookAheadOptions = { decodeAhead: 4, readAhead: 8, maxBytesAhead: 100 };

async function all(given: readonly Given[], more: Partial<LookAheadOptions> = {}) {
  const { pictures, seen } = fakePictures(given);
  const ahead = lookAhead(
    pictures,
    given.map((_, i) => i),
    { ...options, ...more },
  );
  const results: (number | string)[] = [];
  for (const { decodedBytes } of given)
    results.push(
      await ahead.next(({ done, failure }) => {
        if (done) seen.held -= decodedBytes;
        return failure?.message ?? done!.width;
      }),
    );
  return { results, seen };
}

describe("lookAhead", () => {
  it("decodes as many small pictures at once as it may", async () => {
    const { results, seen } = await all(Array.from({ length: 20 }, () => ({ encodedBytes: 1, decodedBytes: 3 })));
    expect(results).toEqual(Array.from({ length: 20 }, (_, i) => i));
    expect(seen.mostDecoding).toBe(4);
  });

  it("decodes pictures one by one that are larger than what may be held", async () => {
    const { results, seen } = await all(Array.from({ length: 6 }, () => ({ encodedBytes: 9, decodedBytes: 500 })));
    expect(results).toEqual([0, 1, 2, 3, 4, 5]);
    expect(seen.mostDecoding).toBe(1);
    expect(seen.mostHeld).toBe(500);
  });

  it("counts what decoders need while they decode, and no longer", async () => {
    const heavy = { encodedBytes: 1, decodedBytes: 3, workingBytes: 60 };
    expect((await all(Array.from({ length: 12 }, () => heavy))).seen.mostDecoding).toBe(1);
    const light = { ...heavy, workingBytes: 30 };
    expect((await all(Array.from({ length: 12 }, () => light))).seen.mostDecoding).toBe(2);
  });

  it("keeps the order and the limit, whatever the sizes and wherever pictures fail", async () => {
    const picture = fc.record({
      encodedBytes: fc.nat(200),
      decodedBytes: fc.nat(300),
      fails: fc.constantFrom(undefined, undefined, undefined, "fetch" as const, "decode" as const),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(picture, { maxLength: 30 }),
        fc.integer({ min: 1, max: 5 }),
        async (given, decodeAhead) => {
          const pictures = given.map(({ fails, ...sizes }) => ({ ...sizes, ...(fails && { fails }) }));
          const { results, seen } = await all(pictures, { decodeAhead, readAhead: 2 * decodeAhead });
          expect(results.map(Number)).toEqual(given.map((_, i) => i));
          expect(seen.order).toEqual(seen.order.toSorted((a, b) => a - b));
          expect(seen.mostDecoding).toBeLessThanOrEqual(decodeAhead);
          // The picture that is needed next is decoded whatever memory it takes.
          const largest = Math.max(0, ...given.map(({ decodedBytes }) => decodedBytes));
          expect(seen.mostHeld).toBeLessThanOrEqual(Math.max(largest, 100) + (largest > 100 ? 100 : 0));
        },
      ),
      { numRuns: 300 },
    );
  });

  it("passes on what is no picture's fault", async () => {
    const { pictures } = fakePictures([{ encodedBytes: 1, decodedBytes: 1 }]);
    const broken = { ...pictures, decode: () => Promise.reject(new TypeError("a bug")) };
    await expect(lookAhead(broken, [0], options).next(() => 1)).rejects.toThrow("a bug");
  });
});
