import fc from "fast-check";
import { afterEach, describe, expect, it, vi } from "vitest";
import { type RgbImage, resample } from "../src/io/resample/resample.js";
import { scalarRows } from "../src/io/resample/scalar.js";
import { simdRows } from "../src/io/resample/simd.js";
import { type ResampleFilter, type Windows, windowsOf } from "../src/io/resample/windows.js";

const filters: readonly ResampleFilter[] = ["nearest", "bilinear", "bicubic", "lanczos"];

describe("the sums in WebAssembly", () => {
  const simd = simdRows()!;

  /** Resizes with both implementations, whose results must be equal, and returns the result. */
  function sameEverywhere(image: RgbImage, columns: Windows, rows: Windows): RgbImage {
    const [expected, actual] = [scalarRows, simd].map((resampler) => resample(image, columns, rows, resampler));
    expect(Buffer.compare(Buffer.from(actual!.data), Buffer.from(expected!.data))).toBe(0);
    return actual!;
  }

  const edge = fc.integer({ min: 1, max: 70 });
  /** One axis: how many positions become how many, and which of these are kept. */
  const axis = fc.record({ from: edge, to: edge, begin: fc.nat(), end: fc.nat() }).map(({ from, to, begin, end }) => ({
    from,
    to,
    begin: begin % to,
    end: (begin % to) + 1 + (end % (to - (begin % to))),
  }));

  it("are those of plain JavaScript to the last bit", () => {
    fc.assert(
      fc.property(
        axis,
        axis,
        fc.constantFrom(...filters),
        fc.integer(),
        // Pure black and white overshoot most.
        fc.boolean(),
        (across, down, filter, seed, blackAndWhite) => {
          const image: RgbImage = {
            width: across.from,
            height: down.from,
            data: noise(3 * across.from * down.from, seed, blackAndWhite),
          };
          const columns = windowsOf(filter, across.from, across.to, across.begin, across.end);
          const rows = windowsOf(filter, down.from, down.to, down.begin, down.end);
          const result = sameEverywhere(image, columns, rows);
          expect(result.width).toBe(across.end - across.begin);
          expect(result.height).toBe(down.end - down.begin);
        },
      ),
      { numRuns: 500 },
    );
  });

  it("grow their memory for a wide picture, and go on with small ones", () => {
    const half = (width: number) => {
      const image = { width, height: 2, data: noise(3 * width * 2, 1, false) };
      const windows = [windowsOf("lanczos", width, width / 2, 0, width / 2), windowsOf("lanczos", 2, 2, 0, 2)] as const;
      sameEverywhere(image, ...windows);
    };
    for (const width of [8, 30_000, 10, 200_000]) half(width);
  });
});

describe("without WebAssembly", () => {
  afterEach(() => {
    vi.unstubAllGlobals();
    vi.resetModules();
  });

  it.each([
    ["is missing", undefined],
    [
      "may not be compiled",
      {
        Module: class {
          constructor() {
            throw new WebAssembly.CompileError("violates the Content Security Policy");
          }
        },
      },
    ],
  ])("pictures are resized all the same where it %s", async (_, stub) => {
    vi.resetModules();
    vi.stubGlobal("WebAssembly", stub);
    const { simdRows: refused } = await import("../src/io/resample/simd.js");
    expect(refused()).toBeUndefined();
    const { resizeImage } = await import("../src/io/image-processor.js");
    const data = Uint8Array.of(10, 20, 30, 30, 40, 50);
    const { data: mean } = resizeImage({ width: 2, height: 1, data }, { width: 1, height: 1 }, "bilinear");
    expect([...mean]).toEqual([20, 30, 40]);
  });
});

/** Bytes of a linear congruential generator. */
function noise(length: number, seed: number, blackAndWhite: boolean): Uint8Array {
  let state = seed;
  return Uint8Array.from({ length }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
    return blackAndWhite ? 255 * (state >>> 31) : state >>> 24;
  });
}
