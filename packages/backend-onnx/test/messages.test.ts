/** Tests the reading and writing of messages against bytes from the protobuf documentation. */
import { describe, expect, test } from "vitest";
import type { Bytes } from "../src/later-bytes.js";
import { bytes, field, float, int32, int64, message, repeated, string } from "../src/messages.js";

interface Inner {
  name: string;
  sizes: number[];
}
interface Outer {
  count: number;
  scale?: number;
  inner?: Inner;
  all: Inner[];
  raw?: Bytes;
  kind: number;
}
const inner = message<Inner>({ name: field(1, string, ""), sizes: repeated(2, int64) });
const outer = message<Outer>({
  count: field(1, int64, 0),
  scale: field(2, float),
  inner: field(3, inner),
  all: repeated(4, inner),
  raw: field(5, bytes),
  kind: field(20, int32, 0),
});
const empty: Outer = { count: 0, all: [], kind: 0 };

describe("writing", () => {
  test("gives the bytes of the wire format", () => {
    // From protobuf.dev/programming-guides/encoding: 150 in field 1, and "testing" after its length.
    expect([...outer.encode({ ...empty, count: 150 })]).toEqual([0x08, 0x96, 0x01]);
    expect(Buffer.from(outer.encode({ ...empty, inner: { name: "testing", sizes: [3, 270, 86942] } }))).toEqual(
      Buffer.from("1a110a0774657374696e6712060" + "38e029ea705", "hex"),
    );
    expect(Buffer.from(outer.encode({ ...empty, scale: 1, kind: 7 })).toString("hex")).toBe("150000803fa00107");
    // Negative numbers are two's complement in 64 bits.
    expect([...outer.encode({ ...empty, count: -1 })]).toEqual([0x08, ...Array(9).fill(0xff), 0x01]);
  });

  test("leaves out what equals its default, and nothing else", () => {
    expect(outer.encode({ ...empty })).toHaveLength(0);
    expect([...outer.encode({ ...empty, scale: 0, raw: new Uint8Array() })]).toEqual([0x15, 0, 0, 0, 0, 0x2a, 0]);
  });

  test.each([0, 127, 128, 4095, 4096, 70_000])("%i bytes come back, and the messages around them", (length) => {
    const raw = Uint8Array.from({ length }, (_, i) => i % 251);
    const value: Outer = { ...empty, count: 5, all: [{ name: "é".repeat(length), sizes: [-1, 0, 2 ** 40] }], raw };
    const written = outer.encode(value);
    const read = outer.decode(written);
    expect(read).toEqual(value);
    // The results must be views, because copies of weights are too large.
    expect(read.raw).toHaveProperty("buffer", written.buffer);
  });
});

describe("reading", () => {
  const decode = (hex: string) => outer.decode(Buffer.from(hex, "hex"));

  test("takes numbers packed and one by one, and merges a message that stands there twice", () => {
    expect(decode("1a03 1201 01 1a03 0a0161 1a04 10021003".replaceAll(" ", "")).inner).toEqual({
      name: "a",
      sizes: [1, 2, 3],
    });
  });

  test("skips fields and types that are not in the table", () => {
    // Field 9 has every wire type: varint, fixed64, length, a group with a field, fixed32. Field 1 is text, field 3 a number.
    expect(
      decode("4801490000000000000000" + "4a0161" + "4b08014c" + "4d00000000" + "0a0161" + "1801" + "0807"),
    ).toEqual({
      ...empty,
      count: 7,
    });
  });

  test.each([
    ["a length beyond the end", "1a7f0a"],
    ["a length beyond the message", "1a020a05" + "6162636465"],
    ["a number that does not end", "08ffffffffffffffffffffff01"],
    ["a number cut short", "0896"],
    ["a float cut short", "150000"],
    ["field number 0", "0000"],
    ["an unknown type", "0f00"],
    ["the end of a group that did not begin", "4c"],
    ["groups in groups", "4b".repeat(200_000)],
    ["a length that no integer holds", "1affffffffff7f"],
  ])("refuses %s", (_, hex) => {
    expect(() => decode(hex)).toThrow(Error);
  });

  test("refuses more values than memory is for", () => {
    const claims = (pair: number[], count: number) => Buffer.alloc(2 * count, Buffer.from(pair));
    expect(outer.decode(claims([0x22, 0], 1000)).all).toHaveLength(1000);
    expect(() => outer.decode(claims([0x22, 0], 1_000_001))).toThrow(/more than 1000000 values/);
    const packed = Buffer.concat([Buffer.from("1a83897a12ff887a", "hex"), Buffer.alloc(2_000_000)]);
    expect(() => outer.decode(packed)).toThrow(/more than 1000000 values/);
  });
});
