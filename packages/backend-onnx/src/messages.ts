/**
 * Writes and reads protobuf messages from tables of their fields, over the wire format of `@bufbuild/protobuf`. No code is
 * compiled at run time, so it runs in a page without 'unsafe-eval' (docs/decisions/0013-content-security-policy.md).
 */
import { BinaryReader, BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { type Bytes, briefBytes } from "./later-bytes.js";

/** The type of a field: a scalar or a message. */
interface Type<T> {
  readonly wire: WireType;
  write(pieces: Pieces, value: T): void;
  /** `earlier` is the field's value so far: protobuf merges a message that occurs twice. */
  read(reader: BinaryReader, allowance: Allowance, earlier: T | undefined): T;
}

/** A message type, which can also be the content of a whole file. */
interface MessageType<M> extends Type<M> {
  encode(message: M): Uint8Array;
  /** Byte fields are views of `bytes`. @throws Error if `bytes` are no such message */
  decode(bytes: Uint8Array): M;
}

interface Field<T> {
  readonly number: number;
  write(pieces: Pieces, value: T): void;
  /** The value of a field that the message does not contain. */
  readonly absent: () => T | undefined;
  /** Reads a value of the type `wire`. Returns undefined if the field has another type. */
  read(reader: BinaryReader, wire: WireType, allowance: Allowance, earlier: T | undefined): T | undefined;
}

/**
 * How many more values may be read. A file of N bytes can contain N / 2 messages, each of which takes hundreds of bytes of
 * memory. The graph of a large model has about ten thousand.
 */
interface Allowance {
  left: number;
}
const mostValues = 1_000_000;

function take(allowance: Allowance): void {
  allowance.left -= 1;
  if (allowance.left < 0) throw new Error(`it has more than ${mostValues} values beside its weights`);
}

/** Arrays shorter than this are copied immediately. */
const fewBytes = 4096;

/** Bytes to be written, in order. Large arrays are kept by reference, and copied or read once, into the file. */
class Pieces {
  readonly writer = new BinaryWriter();
  readonly #pieces: Bytes[] = [];

  add(bytes: Bytes): void {
    if (bytes.length < fewBytes) this.writer.raw(briefBytes(bytes));
    else this.#pieces.push(this.writer.finish(), bytes);
  }

  /** Adds the length of `other`, then its bytes. */
  addWithLength(other: Pieces): void {
    const pieces = other.finish();
    this.writer.uint32(lengthOf(pieces));
    for (const piece of pieces) this.add(piece);
  }

  finish(): readonly Bytes[] {
    return [...this.#pieces, this.writer.finish()];
  }
}

const lengthOf = (pieces: readonly Bytes[]) => pieces.reduce((sum, { length }) => sum + length, 0);

function joined(pieces: readonly Bytes[]): Uint8Array {
  const bytes = new Uint8Array(lengthOf(pieces));
  let at = 0;
  for (const piece of pieces) {
    bytes.set(briefBytes(piece), at);
    at += piece.length;
  }
  return bytes;
}

export const string: Type<string> = {
  wire: WireType.LengthDelimited,
  write: ({ writer }, value) => void writer.string(value),
  read: (reader) => reader.string(),
};

export const bytes: Type<Bytes> = {
  wire: WireType.LengthDelimited,
  write(pieces, value) {
    pieces.writer.uint32(value.length);
    pieces.add(value);
  },
  read: (reader) => reader.bytes(),
};

export const float: Type<number> = {
  wire: WireType.Bit32,
  write: ({ writer }, value) => void writer.float(value),
  read: (reader) => reader.float(),
};

export const int32: Type<number> = {
  wire: WireType.Varint,
  write: ({ writer }, value) => void writer.int32(value),
  read: (reader) => reader.int32(),
};

/** As a number: exact up to 2^53. */
export const int64: Type<number> = {
  wire: WireType.Varint,
  write: ({ writer }, value) => void writer.int64(value),
  read: (reader) => Number(reader.int64()),
};

/** An optional field. If it is missing, its value is `absent`; a value equal to `absent` is not written. */
export function field<T>(number: number, type: Type<T>, absent?: T): Field<T> {
  return {
    number,
    absent: () => absent,
    write(pieces, value) {
      if (value === absent) return;
      pieces.writer.tag(number, type.wire);
      type.write(pieces, value);
    },
    read: (reader, wire, allowance, earlier) =>
      wire === type.wire ? type.read(reader, allowance, earlier) : undefined,
  };
}

/** Any number of values. Numbers are written packed, as in onnx.proto3, and read packed or one by one. */
export function repeated<T>(number: number, type: Type<T>): Field<T[]> {
  const packed = type.wire !== WireType.LengthDelimited;
  const read = (reader: BinaryReader, allowance: Allowance): T => {
    take(allowance);
    return type.read(reader, allowance, undefined);
  };
  return {
    number,
    absent: () => [],
    write(pieces, values) {
      if (packed && values.length > 0) {
        const numbers = new Pieces();
        for (const value of values) type.write(numbers, value);
        pieces.writer.tag(number, WireType.LengthDelimited);
        pieces.addWithLength(numbers);
        return;
      }
      for (const value of values) {
        pieces.writer.tag(number, type.wire);
        type.write(pieces, value);
      }
    },
    read(reader, wire, allowance, values = []) {
      if (wire === type.wire) values.push(read(reader, allowance));
      else if (packed && wire === WireType.LengthDelimited) {
        const numbers = new BinaryReader(reader.bytes());
        while (numbers.pos < numbers.len) values.push(read(numbers, allowance));
      } else return undefined;
      return values;
    },
  };
}

/** A message with these fields, written in this order. Reading skips unknown fields. */
export function message<M extends object>(
  fields: {
    readonly [K in keyof M]-?: Field<NonNullable<M[K]>>;
  },
): MessageType<M> {
  const entries = Object.entries(fields) as [keyof M, Field<unknown>][];
  const byNumber = new Map(entries.map((entry) => [entry[1].number, entry]));

  function piecesOf(value: M): Pieces {
    const pieces = new Pieces();
    for (const [name, { write }] of entries) if (value[name] !== undefined) write(pieces, value[name]);
    return pieces;
  }
  function empty(): M {
    const value: Partial<M> = {};
    for (const [name, { absent }] of entries) {
      const held = absent();
      if (held !== undefined) value[name] = held as M[keyof M];
    }
    return value as M;
  }
  function read(reader: BinaryReader, allowance: Allowance, value: M): M {
    while (reader.pos < reader.len) {
      const [number, wire] = reader.tag();
      const known = byNumber.get(number);
      const held = known?.[1].read(reader, wire, allowance, value[known[0]]);
      if (known && held !== undefined) value[known[0]] = held as M[keyof M];
      else reader.skip(wire, number);
    }
    return value;
  }
  return {
    wire: WireType.LengthDelimited,
    write: (pieces, value) => pieces.addWithLength(piecesOf(value)),
    read(reader, allowance, earlier = empty()) {
      take(allowance);
      return read(new BinaryReader(reader.bytes()), allowance, earlier);
    },
    encode: (value) => joined(piecesOf(value).finish()),
    decode: (all) => read(new BinaryReader(all), { left: mostValues }, empty()),
  };
}
