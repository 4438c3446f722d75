import { describe, expect, it } from "vitest";
import { openSafetensors, parseSafetensors } from "../src/io/safetensors.js";
import { expectRefused, fileOf, floats, inParts, tensor, write } from "./safetensors-file.js";

describe("good files", () => {
  it("gives names, shapes, types, metadata, bytes and values", () => {
    const file = parseSafetensors(
      write(
        [
          tensor("a.weight", [2, 3], floats(1, 2, 3, 4, 5, -6.5)),
          tensor("scalar", [], floats(7)),
          tensor("none", [3, 0, 2], floats()),
          tensor("bytes", [1, 3], Uint8Array.of(9, 8, 7), "U8"),
        ],
        { format: "pt", "": "empty" },
      ),
    );
    expect(file.names).toEqual(["a.weight", "scalar", "none", "bytes"]);
    expect(file.metadata).toEqual(
      new Map([
        ["format", "pt"],
        ["", "empty"],
      ]),
    );
    expect(file.has("a.weight")).toBe(true);
    expect(file.has("A.weight")).toBe(false);
    expect(file.read("a.weight")).toEqual({ shape: [2, 3], data: floats(1, 2, 3, 4, 5, -6.5) });
    expect(file.read("scalar")).toEqual({ shape: [], data: floats(7) });
    expect(file.read("none")).toEqual({ shape: [3, 0, 2], data: floats() });
    expect(file.dtype("bytes")).toBe("U8");
    expect(file.shape("bytes")).toEqual([1, 3]);
    expect([...file.bytes("bytes")]).toEqual([9, 8, 7]);
  });

  it("shares memory with the file where F32 is aligned, and copies where it is not", () => {
    for (let padding = 0; padding < 8; padding++) {
      const bytes = write([tensor("x", [3], floats(1, -0, Number.NaN))], undefined, padding);
      const { data } = parseSafetensors(bytes).read("x");
      expect(data).toEqual(floats(1, -0, Number.NaN));
      expect(data.buffer === bytes.buffer).toBe((bytes.length - 12) % 4 === 0);
    }
  });

  it("gives the same from a file that is read in parts, which keeps nothing of it in memory", () => {
    const halves = (...patterns: number[]) => Uint16Array.from(patterns);
    const parts = [
      tensor("F32", [2], floats(1, -0)),
      tensor("F16", [3], halves(0x3c00, 0xc000, 0x0001), "F16"),
      tensor("BF16", [3], halves(0x3f80, 0xc000, 0x7f80), "BF16"),
    ];
    for (let padding = 0; padding < 4; padding++) {
      const bytes = write(parts, undefined, padding);
      const [whole, opened] = [parseSafetensors(bytes), openSafetensors(inParts(bytes))];
      for (const { name } of parts) {
        const expected = whole.read(name);
        expect(opened.read(name)).toEqual(expected);
        expect(opened.read(name).data).not.toBe(opened.read(name).data);
        expect(opened.readBriefly(name)).toEqual(expected);
        expect(whole.readBriefly(name) ?? expected).toEqual(expected);
      }
      // In memory only the aligned values of F32 need no reading.
      expect(whole.readBriefly("F16")).toBeDefined();
      expect(whole.readBriefly("F32") === undefined).toBe((bytes.length - 20) % 4 === 0);
      const kept = opened.read("F32").data;
      opened.readBriefly("BF16");
      expect(kept).toEqual(floats(1, -0));
    }
  });

  it("reads a view into larger memory, a Buffer and shared memory", () => {
    const file = write([tensor("x", [2], floats(3, 4))]);
    const larger = new Uint8Array(file.length + 20);
    larger.set(file, 5);
    const shared = new Uint8Array(new SharedArrayBuffer(file.length));
    shared.set(file);
    for (const bytes of [larger.subarray(5, 5 + file.length), Buffer.from(file), shared])
      expect(parseSafetensors(bytes).read("x").data).toEqual(floats(3, 4));
  });

  it("takes the header's order for nothing and sorts by position", () => {
    const entry = (begin: number) => `{"dtype":"U8","shape":[1],"data_offsets":[${begin},${begin + 1}]}`;
    const file = parseSafetensors(fileOf(`{"b":${entry(1)},"7":${entry(2)},"a":${entry(0)}}`, Uint8Array.of(1, 2, 3)));
    expect(file.names).toEqual(["a", "b", "7"]);
    expect([...file.bytes("7")]).toEqual([3]);
  });

  it("accepts an empty file, trailing spaces and fields it does not know", () => {
    expect(parseSafetensors(fileOf("{}")).names).toEqual([]);
    expect(parseSafetensors(fileOf('{ "__metadata__" : { } }     ')).metadata.size).toBe(0);
    const entry = '{"dtype":"U8","shape":[1],"data_offsets":[0,1],"note":[]}';
    expect(parseSafetensors(fileOf(`{"a":${entry}}`, Uint8Array.of(1))).names).toEqual(["a"]);
  });

  it("treats names of Object.prototype and escaped names like any other", () => {
    const names = ["__proto__", "constructor", "toString", 'quote"d', "back\\slash", "ünï😀", ""];
    const file = parseSafetensors(write(names.map((name, i) => tensor(name, [1], floats(i)))));
    expect(file.names).toEqual(names);
    names.forEach((name, i) => {
      expect(file.read(name).data[0]).toBe(i);
    });
    expect(parseSafetensors(fileOf("{}")).has("__proto__")).toBe(false);
  });

  it("gives the bytes of a type that it does not decode", () => {
    const file = parseSafetensors(write([tensor("pixels", [2, 3], Uint8Array.of(1, 2, 3, 4, 5, 6), "U8")]), "picture");
    expect(file.names).toEqual(["pixels"]);
    expect(file.dtype("pixels")).toBe("U8");
    expect([...file.bytes("pixels")]).toEqual([1, 2, 3, 4, 5, 6]);
    expect(() => file.read("pixels")).toThrow(
      "picture: tensor 'pixels' is U8; F32, F16, BF16 can be read: quantised checkpoints hold such: take the one in floats that this was made from",
    );
  });

  it("says which tensor is missing", () => {
    const file = parseSafetensors(fileOf("{}"), "model.safetensors");
    for (const access of [file.read, file.shape, file.dtype, file.bytes])
      expect(() => access("head.weight")).toThrow("model.safetensors: holds no tensor 'head.weight'");
  });
});

describe("half precision", () => {
  const patterns = Uint16Array.from({ length: 0x10000 }, (_, i) => i);

  it.each([0, 1, 2, 3])("decodes all float16 patterns exactly, %d bytes off", (padding) => {
    const { data } = parseSafetensors(write([tensor("x", [0x10000], patterns, "F16")], undefined, padding)).read("x");
    const wrong = patterns.findIndex((pattern) => !Object.is(data[pattern], float16(pattern)));
    expect(wrong).toBe(-1);
  });

  it.each([0, 1, 2, 3])("decodes all bfloat16 patterns exactly, %d bytes off", (padding) => {
    const { data } = parseSafetensors(write([tensor("x", [0x10000], patterns, "BF16")], undefined, padding)).read("x");
    const wrong = patterns.findIndex((pattern) => !Object.is(data[pattern], ieee754(pattern, 8)));
    expect(wrong).toBe(-1);
  });

  it("knows the landmarks of float16", () => {
    const landmarks = Uint16Array.of(0x3c00, 0xc000, 0x7bff, 0x0001, 0x03ff, 0x0400, 0x8000, 0x7c00, 0xfc00, 0x3555);
    const { data } = parseSafetensors(write([tensor("x", [10], landmarks, "F16")])).read("x");
    const { POSITIVE_INFINITY, NEGATIVE_INFINITY } = Number;
    expect([...data]).toEqual([
      1,
      -2,
      65504,
      2 ** -24,
      1023 * 2 ** -24,
      2 ** -14,
      -0,
      POSITIVE_INFINITY,
      NEGATIVE_INFINITY,
      0.333251953125,
    ]);
  });

  const float16 = (pattern: number) => ieee754(pattern, 5);

  /** The value of a bit pattern, computed from the definition. */
  function ieee754(pattern: number, exponentBits: number): number {
    const digits = pattern.toString(2).padStart(16, "0");
    const exponent = Number.parseInt(digits.slice(1, 1 + exponentBits), 2);
    const fraction = [...digits.slice(1 + exponentBits)].reduce((sum, bit, i) => sum + Number(bit) * 2 ** -(i + 1), 0);
    const bias = 2 ** (exponentBits - 1) - 1;
    let magnitude = exponent === 0 ? 2 ** (1 - bias) * fraction : 2 ** (exponent - bias) * (1 + fraction);
    if (exponent === 2 ** exponentBits - 1) magnitude = fraction === 0 ? Number.POSITIVE_INFINITY : Number.NaN;
    return digits[0] === "1" ? -magnitude : magnitude;
  }
});

describe("malformed files are refused with the reason", () => {
  const entry = (fields: object) =>
    `{"a":${JSON.stringify({ dtype: "U8", shape: [2], data_offsets: [0, 2], ...fields })}}`;
  const two = Uint8Array.of(1, 2);

  it("too short for a header length", () => {
    expectRefused(new Uint8Array(0), "has 0 bytes, a safetensors file has at least 8; is the download complete?");
    expectRefused(new Uint8Array(7), "has 7 bytes, a safetensors file has at least 8; is the download complete?");
  });

  it("header length above the limit, also where a double would round it", () => {
    const huge = "more than 100000000; is this a safetensors file?";
    expectRefused(fileOf("{}", two, 100_000_001n), `declares a header of 100000001 bytes, ${huge}`);
    expectRefused(fileOf("{}", two, 2n ** 64n - 1n), `declares a header of 18446744073709551615 bytes, ${huge}`);
    expectRefused(fileOf("{}", two, 2n ** 63n + 2n), `declares a header of 9223372036854775810 bytes, ${huge}`);
    expectRefused(new TextEncoder().encode("GIF89a, or what else"), /is this a safetensors file/);
  });

  it.each([
    ["version https://git-lfs.github.com/spec/v1\noid sha256:00", "a Git LFS pointer"],
    ["\n<!DOCTYPE html>", "a web page"],
    ["PK\x03\x04\x14\0\0\0", "a zip archive, as torch.save writes"],
    ["\x80\x02\x8a\x0al\xfc\x9cF\xf9", "a Python pickle"],
    ["GGUF\x03\0\0\0", "a GGUF file"],
  ])("another file under this name: %j", (start, says) => {
    const bytes = Uint8Array.from(start, (character) => character.charCodeAt(0));
    expectRefused(bytes, new RegExp(`is no safetensors file, but ${says}`));
  });

  it("header longer than the file", () => {
    expectRefused(fileOf("{}", two, 5n), "declares a header of 5 bytes, but only 4 follow; is it cut short?");
    expectRefused(fileOf("{}", two, 100_000_000n), /but only 4 follow; is it cut short\?$/);
  });

  it("header that is no JSON object", () => {
    const start = "header does not start with '{'; is this a safetensors file?";
    for (const text of ["", "[]", " {}", "null", "\ufeff{}"]) expectRefused(fileOf(text), start);
    for (const text of [
      "{",
      '{"a',
      '{"a\\',
      '{"a":1,}',
      "{}x",
      "{'a':1}",
      '{"\\q":1}',
      '{"a":01}',
      '{"a"',
      "{]",
      "{}\0",
    ])
      expectRefused(fileOf(text), /^model\.safetensors: header is not valid JSON: /);
  });

  it("header that is no UTF-8", () => {
    expectRefused(fileOf(Uint8Array.of(0x7b, 0x22, 0xff, 0x22, 0x7d)), "header is not valid UTF-8");
    expectRefused(fileOf(Uint8Array.of(0x7b, 0x22, 0xc3, 0x28, 0x22, 0x7d)), "header is not valid UTF-8");
  });

  it("duplicate names", () => {
    const value = '{"dtype":"U8","shape":[2],"data_offsets":[0,2]}';
    expectRefused(fileOf(`{"a":${value},"a":${value}}`, two), "header has the name 'a' twice in one object");
    expectRefused(fileOf(`{"a":${value} , "\\u0061" : ${value}}`, two), "header has the name 'a' twice in one object");
    expectRefused(fileOf(`{"__proto__":${value},"__proto__":${value}}`, two), /'__proto__' twice/);
    expectRefused(fileOf('{"__metadata__":{},"__metadata__":{}}'), /'__metadata__' twice/);
    expectRefused(fileOf('{"__metadata__":{"k":"1","k":"1"}}'), /'k' twice/);
    expectRefused(fileOf('{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2],"shape":[2]}}', two), /'shape' twice/);
    expectRefused(
      fileOf(`{"\\u001b[31m":${value},"\\u001b[31m":${value}}`, two),
      "header has the name '\\u001b[31m' twice in one object",
    );
  });

  it("the same name in different objects is no duplicate, nor is text that looks like one", () => {
    const value = '{"dtype":"U8","shape":[1],"data_offsets":[0,1]}';
    const metadata = '{"dtype":"{\\"a\\":1,\\"a\\":2}","a":"a","b":"a"}';
    expect(parseSafetensors(fileOf(`{"dtype":${value},"__metadata__":${metadata}}`, Uint8Array.of(1))).names).toEqual([
      "dtype",
    ]);
  });

  it("entries that are none", () => {
    const expected = "tensor 'a': expected an object with dtype, shape and data_offsets, got";
    expectRefused(fileOf('{"a":1}'), `${expected} 1`);
    expectRefused(fileOf('{"a":null}'), `${expected} null`);
    expectRefused(fileOf('{"a":[]}'), `${expected} []`);
    expectRefused(fileOf('{"a":{}}'), /^model\.safetensors: tensor 'a': unknown dtype undefined; known are BOOL, U8,/);
    // An own field named __proto__ must not become a prototype.
    expectRefused(
      fileOf('{"a":{"__proto__":{"dtype":"U8","shape":[],"data_offsets":[0,1]}}}'),
      /unknown dtype undefined/,
    );
  });

  it("unknown types", () => {
    for (const dtype of ["F31", "f32", "toString", "__proto__", "", 3, null, ["U8"]])
      expectRefused(
        fileOf(entry({ dtype }), two),
        /^model\.safetensors: tensor 'a': unknown dtype .*; known are BOOL, U8, .*U64$/,
      );
  });

  it("shapes that are none", () => {
    for (const shape of [null, "2", 2, { 0: 2 }, [-2], [2.5], ["2"], [[2]], [null], [2 ** 53], [1e300]])
      expectRefused(
        fileOf(entry({ shape }), two),
        /tensor 'a': shape must be an array of whole numbers of at least 0, got /,
      );
    expectRefused(
      fileOf(entry({ shape: [2 ** 31, 2 ** 31] }), two),
      "tensor 'a': shape [2147483648,2147483648] is too large",
    );
    expectRefused(
      fileOf(entry({ dtype: "F64", shape: [2 ** 51] }), two),
      "tensor 'a': shape [2251799813685248] is too large",
    );
  });

  it("offsets that are none", () => {
    const expected = "tensor 'a': data_offsets must be two whole numbers, begin and end, got";
    for (const data_offsets of [null, [], [0], [0, 2, 2], [2, 0], [-2, 0], [0, 2.5], ["0", "2"], [0, 2 ** 53]])
      expectRefused(fileOf(entry({ data_offsets }), two), `${expected} ${JSON.stringify(data_offsets)}`);
  });

  it("sizes that do not fit shape and type", () => {
    expectRefused(
      fileOf(entry({ shape: [3] }), two),
      "tensor 'a': U8 [3] takes 3 bytes, its data_offsets [0,2] span 2",
    );
    expectRefused(
      fileOf(entry({ dtype: "F16" }), two),
      "tensor 'a': F16 [2] takes 4 bytes, its data_offsets [0,2] span 2",
    );
    expectRefused(fileOf(entry({ shape: [] }), two), "tensor 'a': U8 [] takes 1 byte, its data_offsets [0,2] span 2");
    expectRefused(
      fileOf(entry({ data_offsets: [0, 0] }), two),
      "tensor 'a': U8 [2] takes 2 bytes, its data_offsets [0,0] span 0",
    );
  });

  it("holes, overlap and a wrong end", () => {
    const at = (begin: number, end: number) => ({ dtype: "U8", shape: [end - begin], data_offsets: [begin, end] });
    const file = (entries: object, bytes: number) => fileOf(JSON.stringify(entries), new Uint8Array(bytes));
    expectRefused(file({ a: at(1, 2) }, 2), "tensor 'a' begins at byte 1, expected 0: hole");
    expectRefused(file({ a: at(0, 2), b: at(3, 4) }, 4), "tensor 'b' begins at byte 3, expected 2: hole");
    expectRefused(file({ a: at(0, 2), b: at(1, 3) }, 3), "tensor 'b' begins at byte 1, expected 2: overlap");
    expectRefused(file({ a: at(0, 2), b: at(0, 2) }, 2), "tensor 'b' begins at byte 0, expected 2: overlap");
    expectRefused(file({ a: at(0, 2) }, 3), "tensors end at byte 2, but 3 bytes follow the header");
    expectRefused(file({ a: at(0, 2) }, 1), "tensors end at byte 2, but 1 byte follows the header; is it cut short?");
    expectRefused(file({}, 1), "tensors end at byte 0, but 1 byte follows the header");
    // Sizes beyond any memory are only compared, never allocated.
    expectRefused(
      file({ a: at(0, 2 ** 52) }, 1),
      /^model\.safetensors: tensors end at byte 4503599627370496, but 1 byte/,
    );
  });

  it("metadata that is none", () => {
    expectRefused(fileOf('{"__metadata__":[]}'), "__metadata__ must be an object of strings, got []");
    expectRefused(fileOf('{"__metadata__":null}'), "__metadata__ must be an object of strings, got null");
    expectRefused(fileOf('{"__metadata__":{"a":1}}'), "__metadata__ 'a' is 1, no string");
  });

  it("deep nesting and endless lists, before anything is built from them", () => {
    const deep = "header nests deeper than 16 levels";
    expectRefused(fileOf(`{"a":${"[".repeat(100_000)}`), deep);
    expectRefused(fileOf(`{"a":${"[".repeat(100_000)}${"]".repeat(100_000)}}`), deep);
    expectRefused(fileOf(`{"a":${'{"a":'.repeat(100_000)}1${"}".repeat(100_000)}}`), deep);
    expectRefused(fileOf(`{${'"":[],'.repeat(2)}"a":1}`), /twice/);
    expectRefused(fileOf(`{"a":{"shape":[${"1,".repeat(1_000_001)}1]}}`), "header lists more than 1000000 values");
  });

  it("keeps its messages short", () => {
    const long = "x".repeat(100_000);
    for (const header of [
      `{"${long}":1}`,
      `{"a":"${long}"}`,
      entry({ shape: Array(10_000).fill(1) }),
      entry({ dtype: long }),
    ])
      expect(() => parseSafetensors(fileOf(header))).toThrow(
        expect.objectContaining({ message: expect.stringMatching(/^.{1,400}$/) }),
      );
  });
});
