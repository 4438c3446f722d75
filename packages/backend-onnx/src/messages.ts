/**
 * Protobuf messages by tables of their fields, written and read over the wire format of `@bufbuild/protobuf`. Nothing is
 * compiled at run time, so that a page without 'unsafe-eval' runs it (docs/decisions/0013-content-security-policy.md).
 */
import { BinaryReader, BinaryWriter, WireType } from "@bufbuild/protobuf/wire";

/** What a field holds: a scalar or a message. */
interface Type<T> {
  readonly wire: WireType;
  write(pieces: Pieces, value: T): void;
  /** `earlier` is what the field held before: protobuf merges messages that stand there twice. */
  read(reader: BinaryReader, allowance: Allowance, earlier: T | undefined): T;
}

/** A message can be the whole of a file. */
interface MessageType<M> extends Type<M> {
  encode(message: M): Uint8Array;
  /** Byte fields are views of `bytes`. @throws Error where `bytes` are no such message. */
  decode(bytes: Uint8Array): M;
}

interface Field<T> {
  readonly number: number;
  write(pieces: Pieces, value: T): void;
  /** Of a field that is not in the message. */
  readonly absent: () => T | undefined;
  /** Reads a value of the type `wire`, or returns undefined where the field has no such values. */
  read(reader: BinaryReader, wire: WireType, allowance: Allowance, earlier: T | undefined): T | undefined;
}

/**
 * Values that may still be read. A file of N bytes can claim N / 2 messages, each of which takes hundreds of bytes of
 * memory. The graph of a large model has some ten thousand.
 */
interface Allowance {
  left: number;
}
const mostValues = 1_000_000;

function take(allowance: Allowance): void {
  allowance.left -= 1;
  if (allowance.left < 0) throw new Error(`it has more than ${mostValues} values beside its weights`);
}

/** Shorter bytes are copied at once. */
const fewBytes = 4096;

/** Bytes to be written, in order. Large ones are referred to and copied once, into the file. */
class Pieces {
  readonly writer = new BinaryWriter();
  readonly #pieces: Uint8Array[] = [];

  add(bytes: Uint8Array): void {
    if (bytes.length < fewBytes) this.writer.raw(bytes);
    else this.#pieces.push(this.writer.finish(), bytes);
  }

  /** The length of `other` and what it holds. */
  addWithLength(other: Pieces): void {
    const pieces = other.finish();
    this.writer.uint32(lengthOf(pieces));
    for (const piece of pieces) this.add(piece);
  }

  finish(): readonly Uint8Array[] {
    return [...this.#pieces, this.writer.finish()];
  }
}

const lengthOf = (pieces: readonly Uint8Array[]) => pieces.reduce((sum, { length }) => sum + length, 0);

function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(lengthOf(pieces));
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}

export const string: Type<string> = {
  wire: WireType.LengthDelimited,
  write: ({ writer }, value) => void writer.string(value),
  read: (reader) => reader.string(),
};

export const bytes: Type<Uint8Array> = {
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

/** A field that is there once, or not at all: then it is `absent`, and a value equal to that is not written. */
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

/** Any number of values. Numbers are written packed, as onnx.proto3 has it, and read packed or one by one. */
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

/** A message with these fields, which are written in this order. What else is read is skipped. */
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
