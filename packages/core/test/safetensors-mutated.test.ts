/** Tests that safetensors files with changed bytes are refused with a reason, or read within their bounds. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isPptError } from "../src/errors.js";
import { parseSafetensors } from "../src/io/safetensors.js";
import { fileOf, floats, tensor, write } from "./safetensors-file.js";

describe("mutated files", () => {
  const seeds = [
    write([tensor("a", [2, 2], floats(1, 2, 3, 4)), tensor("b", [3], Uint16Array.of(1, 2, 3), "F16")], {
      format: "pt",
    }),
    write([
      tensor("x", [4], Uint16Array.of(1, 2, 3, 4), "BF16"),
      tensor("y", [0], floats()),
      tensor("z", [], floats(1)),
    ]),
    write(Array.from({ length: 20 }, (_, i) => tensor(`blocks.${i}.attn.qkv.weight`, [i, 2], new Float32Array(2 * i)))),
  ];
  let refused = 0;
  let accepted = 0;

  /** Passes if `file` is refused with its name, or is wholly readable. */
  function check(file: Uint8Array): void {
    try {
      const parsed = parseSafetensors(file, "fuzz");
      let bytes = 0;
      for (const name of parsed.names) {
        bytes += parsed.bytes(name).length;
        const isFloat = ["F32", "F16", "BF16"].includes(parsed.dtype(name));
        const elements = parsed.shape(name).reduce((a, b) => a * b, 1);
        if (isFloat) expect(parsed.read(name).data).toHaveLength(elements);
      }
      expect(bytes).toBeLessThanOrEqual(file.length - 8);
      accepted++;
    } catch (error) {
      if (!isPptError(error)) throw error;
      expect(error.code).toBe("INVALID_SAFETENSORS");
      expect(error.message).toMatch(/^fuzz: /);
      refused++;
    }
  }

  const seedFile = fc.constantFrom(...seeds);
  const headerLength = (file: Uint8Array) => new DataView(file.buffer, file.byteOffset).getUint32(0, true);
  const headerText = (file: Uint8Array) => new TextDecoder().decode(file.subarray(8, 8 + headerLength(file)));
  const dataOf = (file: Uint8Array) => file.subarray(8 + headerLength(file));

  it("bytes flipped", () => {
    const change = fc.tuple(fc.nat(), fc.nat(255));
    fc.assert(
      fc.property(seedFile, fc.array(change, { minLength: 1, maxLength: 6 }), (seed, changes) => {
        const file = seed.slice();
        for (const [at, byte] of changes) file[at % file.length] = byte;
        check(file);
      }),
      { seed: 11, numRuns: 3000 },
    );
  });

  it("cut off, spliced and repeated", () => {
    fc.assert(
      fc.property(seedFile, seedFile, fc.nat(), fc.nat(), (a, b, i, j) => {
        check(a.slice(0, i % a.length));
        check(a.slice(i % a.length));
        check(Buffer.concat([a.subarray(0, i % a.length), b.subarray(j % b.length)]));
      }),
      { seed: 12, numRuns: 1000 },
    );
  });

  it("pieces of JSON replaced in the header, its length corrected", () => {
    const piece = fc.constantFrom(
      ...'0 1 -1 -0 1.5 1e400 9007199254740993 18446744073709551616 null true {} [] [[ { } [ ] : , " \\ \\u0000'.split(
        " ",
      ),
      ...[
        '"a"',
        '"F32"',
        '"U64"',
        '"__proto__"',
        '"constructor"',
        '"__metadata__"',
        '"\\u0061"',
        '"data_offsets"',
        '"shape":[1],',
      ],
      "[".repeat(100_000),
      '{"a":'.repeat(30_000),
      "9".repeat(400),
    );
    const change = fc.tuple(fc.nat(), fc.nat(12), piece);
    fc.assert(
      fc.property(seedFile, fc.array(change, { minLength: 1, maxLength: 3 }), (seed, changes) => {
        let text = headerText(seed);
        for (const [where, removed, inserted] of changes) {
          const at = where % (text.length + 1);
          text = text.slice(0, at) + inserted + text.slice(at + removed);
        }
        check(fileOf(text, dataOf(seed)));
      }),
      { seed: 13, numRuns: 4000 },
    );
  });

  it("values of the header exchanged for hostile ones", () => {
    const value = fc.oneof(
      fc.constantFrom<unknown>(
        -0,
        1e308,
        2 ** 53,
        2 ** 53 - 1,
        2 ** 31,
        -1,
        0.5,
        null,
        true,
        "F32",
        "BF16",
        "BOOL",
        {},
        [],
      ),
      fc.array(fc.constantFrom(0, 1, 2, 4, 8, 2 ** 26, 2 ** 27, 2 ** 53 - 1, -1), { maxLength: 4 }),
    );
    const field = fc.constantFrom("dtype", "shape", "data_offsets", "__proto__", "other");
    fc.assert(
      fc.property(seedFile, fc.nat(), field, value, fc.boolean(), (seed, which, name, replacement, swap) => {
        const header = new Map(Object.entries<Record<string, unknown>>(JSON.parse(headerText(seed))));
        const keys = [...header.keys()];
        const key = keys[which % keys.length]!;
        const other = keys[(which + 1) % keys.length]!;
        const changed = { ...header.get(key), [name]: replacement };
        header.set(key, swap ? header.get(other)! : changed);
        if (swap) header.set(other, changed);
        check(fileOf(JSON.stringify(Object.fromEntries(header)), dataOf(seed)));
      }),
      { seed: 14, numRuns: 2000 },
    );
  });

  it("met both kinds of end", () => {
    expect(refused).toBeGreaterThan(5000);
    expect(accepted).toBeGreaterThan(500);
  });
});
