/** Reads the safetensors format: an 8-byte length, a JSON header, and the tensors' bytes. Checks everything in the file. */

import { PptError } from "../errors.js";
import { bytesCheck, checkArgument, text } from "../options.js";
import type { HostTensor, Shape } from "../seam.js";
import { show } from "../show.js";
import type { WeightSource } from "../vit/stored-names.js";
import { type Fail, fieldsOf, parseStrictJson, quote } from "./json.js";
import { looksLike } from "./looks-like.js";

const bytesPerElement = {
  BOOL: 1,
  U8: 1,
  I8: 1,
  F8_E5M2: 1,
  F8_E4M3: 1,
  I16: 2,
  U16: 2,
  F16: 2,
  BF16: 2,
  I32: 4,
  U32: 4,
  F32: 4,
  F64: 8,
  I64: 8,
  U64: 8,
} as const;

/** Element types of the format. `read` decodes F32, F16 and BF16. */
export type SafetensorsDType = keyof typeof bytesPerElement;

/** The named tensors of one file, decoded when they are read. */
export interface SafetensorsFile extends WeightSource {
  /** All tensors, in the order of their bytes in the file. */
  readonly names: readonly string[];
  /** The header's `__metadata__`. */
  readonly metadata: ReadonlyMap<string, string>;
  /**
   * The values, exactly, as float32. F32 shares the file's memory if its alignment allows.
   * @throws PptError INVALID_SAFETENSORS if the tensor is missing or of another type than F32, F16, BF16
   */
  read(name: string): HostTensor;
  /** @throws PptError INVALID_SAFETENSORS if the tensor is missing */
  shape(name: string): Shape;
  /** @throws PptError INVALID_SAFETENSORS if the tensor is missing */
  dtype(name: string): SafetensorsDType;
  /** The tensor's bytes, little-endian, not copied. @throws PptError INVALID_SAFETENSORS if the tensor is missing */
  bytes(name: string): Uint8Array;
}

interface Entry {
  readonly dtype: SafetensorsDType;
  readonly shape: Shape;
  /** Offsets into the bytes that follow the header. */
  readonly begin: number;
  readonly end: number;
}

const lengthBytes = 8;
/** The longest header that a safetensors file may have, in bytes: the limit of the reference implementation. */
export const longestSafetensorsHeader = 100_000_000;
const metadataName = "__metadata__";
const openBrace = 0x7b;

/**
 * Checks the whole header of `bytes` and gives access to the tensors. Each error's message begins with `name`.
 * The file shares the memory of `bytes`: do not change it while tensors are in use.
 * @throws PptError INVALID_SAFETENSORS
 */
export function parseSafetensors(bytes: Uint8Array, name = "safetensors"): SafetensorsFile {
  checkArgument("parseSafetensors", "name", name, text);
  checkArgument("parseSafetensors", "bytes", bytes, bytesCheck);
  const fail: Fail = (message) => {
    throw new PptError("INVALID_SAFETENSORS", `${name}: ${message}`);
  };
  // A safetensors file begins with a length, which can look like any kind of file. So the kind is named only after a failure.
  const failAtStart: Fail = (message) => {
    const kind = looksLike(bytes);
    return fail(kind === undefined ? message : `is no safetensors file, but ${kind}`);
  };
  const headerBytes = readHeaderLength(bytes, failAtStart);
  const data = bytes.subarray(lengthBytes + headerBytes);
  if (headerBytes === 0 || bytes[lengthBytes] !== openBrace)
    failAtStart("header does not start with '{'; is this a safetensors file?");
  const { entries, metadata } = readHeader(bytes.subarray(lengthBytes, lengthBytes + headerBytes), fail);
  checkOffsets(entries, data.length, fail);

  const entryOf = (tensor: string): Entry => entries.get(tensor) ?? fail(`holds no tensor ${quote(tensor)}`);
  const bytesOf = (tensor: string): Uint8Array => {
    const { begin, end } = entryOf(tensor);
    return data.subarray(begin, end);
  };
  return {
    names: [...entries.keys()],
    metadata,
    has: (tensor) => entries.has(tensor),
    shape: (tensor) => entryOf(tensor).shape,
    dtype: (tensor) => entryOf(tensor).dtype,
    bytes: bytesOf,
    read(tensor) {
      const { dtype, shape } = entryOf(tensor);
      const decode = decoders.get(dtype);
      if (!decode) {
        const known = [...decoders.keys()].join(", ");
        return fail(`tensor ${quote(tensor)} is ${dtype}; ${known} can be read: convert the checkpoint to one of them`);
      }
      return { shape, data: decode(bytesOf(tensor)) };
    },
  };
}

function readHeaderLength(bytes: Uint8Array, fail: Fail): number {
  if (bytes.length < lengthBytes)
    fail(`has ${bytes.length} bytes, a safetensors file has at least ${lengthBytes}; is the download complete?`);
  // A BigInt, because a length beyond 2^53 could round to a plausible number.
  const declared = new DataView(bytes.buffer, bytes.byteOffset, lengthBytes).getBigUint64(0, true);
  if (declared > BigInt(longestSafetensorsHeader))
    fail(`declares a header of ${declared} bytes, more than ${longestSafetensorsHeader}; is this a safetensors file?`);
  if (declared > BigInt(bytes.length - lengthBytes))
    fail(`declares a header of ${declared} bytes, but only ${bytes.length - lengthBytes} follow; is it cut short?`);
  return Number(declared);
}

function readHeader(bytes: Uint8Array, fail: Fail): { entries: Map<string, Entry>; metadata: Map<string, string> } {
  const json = parseStrictJson(bytes, "header", fail);

  const tensors: [string, Entry][] = [];
  let metadata = new Map<string, string>();
  for (const [name, value] of fieldsOf(json) ?? fail("header is not a JSON object")) {
    if (name === metadataName) metadata = readMetadata(value, fail);
    else tensors.push([name, readEntry(value, (message) => fail(`tensor ${quote(name)}: ${message}`))]);
  }
  tensors.sort(([, a], [, b]) => a.begin - b.begin || a.end - b.end);
  return { entries: new Map(tensors), metadata };
}

function readMetadata(value: unknown, fail: Fail): Map<string, string> {
  const metadata = new Map<string, string>();
  for (const [key, text] of fieldsOf(value) ?? fail(`${metadataName} must be an object of strings, got ${show(value)}`))
    metadata.set(
      key,
      typeof text === "string" ? text : fail(`${metadataName} ${quote(key)} is ${show(text)}, no string`),
    );
  return metadata;
}

function readEntry(value: unknown, fail: Fail): Entry {
  const fields = fieldsOf(value) ?? fail(`expected an object with dtype, shape and data_offsets, got ${show(value)}`);
  const dtype = fields.get("dtype");
  if (!isDType(dtype))
    return fail(`unknown dtype ${show(dtype)}; known are ${Object.keys(bytesPerElement).join(", ")}`);
  const shape = fields.get("shape");
  if (!isCounts(shape)) return fail(`shape must be an array of whole numbers of at least 0, got ${show(shape)}`);
  const offsets = fields.get("data_offsets");
  if (!isCounts(offsets) || offsets.length !== 2 || offsets[0]! > offsets[1]!)
    return fail(`data_offsets must be two whole numbers, begin and end, got ${show(offsets)}`);
  const [begin, end] = offsets as [number, number];

  let bytes: number = bytesPerElement[dtype];
  for (const length of shape) {
    bytes *= length;
    if (!Number.isSafeInteger(bytes)) fail(`shape ${show(shape)} is too large`);
  }
  if (bytes !== end - begin)
    fail(`${dtype} ${show(shape)} takes ${bytes} bytes, its data_offsets ${show(offsets)} span ${end - begin}`);
  return { dtype, shape, begin, end };
}

/** Tensors must fill the file without holes or overlap: each byte belongs to exactly one tensor. */
function checkOffsets(entries: ReadonlyMap<string, Entry>, bytes: number, fail: Fail): void {
  let expected = 0;
  for (const [name, { begin, end }] of entries) {
    if (begin !== expected)
      fail(
        `tensor ${quote(name)} begins at byte ${begin}, expected ${expected}: ${begin < expected ? "overlap" : "hole"}`,
      );
    expected = end;
  }
  if (expected !== bytes)
    fail(
      `tensors end at byte ${expected}, but ${bytes} bytes follow the header${expected > bytes ? "; is it cut short?" : ""}`,
    );
}

const isDType = (value: unknown): value is SafetensorsDType =>
  typeof value === "string" && Object.hasOwn(bytesPerElement, value);

const isCounts = (value: unknown): value is number[] =>
  Array.isArray(value) && value.every((n) => Number.isSafeInteger(n) && n >= 0);

const decoders: ReadonlyMap<SafetensorsDType, (bytes: Uint8Array) => Float32Array> = new Map([
  ["F32", decodeF32],
  ["F16", decodeF16],
  ["BF16", decodeBF16],
]);

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.length);

const isLittleEndianHost = (): boolean => new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

function decodeF32(bytes: Uint8Array): Float32Array {
  const length = bytes.length / 4;
  if (bytes.byteOffset % 4 === 0 && isLittleEndianHost())
    return new Float32Array(bytes.buffer, bytes.byteOffset, length);
  // The copy has memory of its own, which is aligned.
  if (isLittleEndianHost()) return new Float32Array(new Uint8Array(bytes).buffer);
  const view = viewOf(bytes);
  const values = new Float32Array(length);
  for (let i = 0; i < length; i++) values[i] = view.getFloat32(4 * i, true);
  return values;
}

/** A bfloat16 is the upper half of a float32. */
function decodeBF16(bytes: Uint8Array): Float32Array {
  const view = viewOf(bytes);
  const bits = new Uint32Array(bytes.length / 2);
  for (let i = 0; i < bits.length; i++) bits[i] = view.getUint16(2 * i, true) << 16;
  return new Float32Array(bits.buffer);
}

function decodeF16(bytes: Uint8Array): Float32Array {
  const view = viewOf(bytes);
  const values = new Float32Array(bytes.length / 2);
  halfPrecision ??= tabulateHalfPrecision();
  for (let i = 0; i < values.length; i++) values[i] = halfPrecision[view.getUint16(2 * i, true)]!;
  return values;
}

/** The value of each of the 65536 float16 patterns. The table is made when the first float16 tensor is read. */
let halfPrecision: Float32Array | undefined;

function tabulateHalfPrecision(): Float32Array {
  return Float32Array.from({ length: 0x10000 }, (_, pattern) => {
    const sign = pattern & 0x8000 ? -1 : 1;
    const exponent = (pattern >> 10) & 0x1f;
    const fraction = pattern & 0x3ff;
    if (exponent === 0x1f) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
    return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (fraction + 0x400) * 2 ** (exponent - 25);
  });
}
