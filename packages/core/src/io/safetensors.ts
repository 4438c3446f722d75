/** Reads the safetensors format: an 8-byte length, a JSON header, and the tensors' bytes. Checks everything in the file. */

import { counted } from "../counted.js";
import { PptError } from "../errors.js";
import { bytesCheck, callback, checkArgument, shaped, text } from "../options.js";
import type { HostTensor, Shape } from "../seam.js";
import { show } from "../show.js";
import type { WeightSource } from "../vit/stored-names.js";
import { type Fail, fieldsOf, parseStrictJson, quote } from "./json.js";
import { looksLike, mostKindBytes } from "./looks-like.js";

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

/** Types that hold numbers only together with the scales of the tool that wrote them. */
const quantizedTypes: readonly string[] = ["U8", "I8", "F8_E5M2", "F8_E4M3"];

/** The same, of newer versions of the format. */
const unreadQuantizedTypes: readonly unknown[] = [
  "F8_E4M3FNUZ",
  "F8_E5M2FNUZ",
  "F4",
  "F6_E2M3",
  "F6_E3M2",
  "F8_E8M0",
  "I4",
  "U4",
];

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
  /**
   * The tensor's bytes, little-endian: a view of the bytes given to `parseSafetensors`, or read from the file.
   * @throws PptError INVALID_SAFETENSORS if the tensor is missing
   */
  bytes(name: string): Uint8Array;
  /** @throws PptError INVALID_SAFETENSORS as `read` */
  readBriefly(name: string): HostTensor | undefined;
}

/** A file that is read in parts, such as one on a disk. */
export interface RandomAccessFile {
  /** In bytes. */
  readonly size: number;
  /** The bytes from `begin` up to and excluding `end`: in `into`, which has their length, or in memory of their own. */
  read(begin: number, end: number, into?: Uint8Array): Uint8Array;
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
  return fileOver({ size: bytes.length, read: (begin, end) => bytes.subarray(begin, end) }, name, true);
}

const fileCheck = shaped("a file { size, read(begin, end) }", { size: Number.isSafeInteger, read: callback.holds });

/**
 * The same for a file that is not in memory: its header is read now, and each tensor whenever it is asked for.
 * @throws PptError INVALID_SAFETENSORS
 */
export function openSafetensors(file: RandomAccessFile, name = "safetensors"): SafetensorsFile {
  checkArgument("openSafetensors", "name", name, text);
  checkArgument("openSafetensors", "file", file, fileCheck);
  return fileOver(file, name, false);
}

function fileOver(file: RandomAccessFile, name: string, inMemory: boolean): SafetensorsFile {
  const fail: Fail = (message) => {
    throw new PptError("INVALID_SAFETENSORS", `${name}: ${message}`);
  };
  // A safetensors file begins with a length, which can look like any kind of file. So the kind is named only after a failure.
  const failAtStart: Fail = (message) => {
    const kind = looksLike(file.read(0, Math.min(file.size, mostKindBytes)));
    return fail(kind === undefined ? message : `is no safetensors file, but ${kind}`);
  };
  const headerBytes = readHeaderLength(file, failAtStart);
  const dataAt = lengthBytes + headerBytes;
  const header = file.read(lengthBytes, dataAt);
  if (header[0] !== openBrace) failAtStart("header does not start with '{'; is this a safetensors file?");
  const { entries, metadata } = readHeader(header, fail);
  checkOffsets(entries, file.size - dataAt, fail);

  const entryOf = (tensor: string): Entry => entries.get(tensor) ?? fail(`holds no tensor ${quote(tensor)}`);
  const bytesOf = (tensor: string, into?: (bytes: number) => Uint8Array): Uint8Array => {
    const { begin, end } = entryOf(tensor);
    return file.read(dataAt + begin, dataAt + end, into?.(end - begin));
  };
  const decoderOf = ({ dtype }: Entry, tensor: string): Decoder => {
    const known = [...decoders.keys()].join(", ");
    const remedy = quantizedTypes.includes(dtype)
      ? "quantised checkpoints hold such: take the one in floats that this was made from"
      : "convert the checkpoint to one of them";
    return decoders.get(dtype) ?? fail(`tensor ${quote(tensor)} is ${dtype}; ${known} can be read: ${remedy}`);
  };
  // Two, because the values of a half are decoded from the bytes of one into the other.
  const [stored, decoded] = [reused(), reused()];
  return {
    names: [...entries.keys()],
    metadata,
    has: (tensor) => entries.has(tensor),
    shape: (tensor) => entryOf(tensor).shape,
    dtype: (tensor) => entryOf(tensor).dtype,
    bytes: (tensor) => bytesOf(tensor),
    read(tensor) {
      const entry = entryOf(tensor);
      return { shape: entry.shape, data: decoderOf(entry, tensor)(bytesOf(tensor), ownMemory) };
    },
    readBriefly(tensor) {
      const entry = entryOf(tensor);
      const decode = decoderOf(entry, tensor);
      if (inMemory && entry.dtype === "F32" && isView(bytesOf(tensor))) return undefined;
      return { shape: entry.shape, data: decode(bytesOf(tensor, inMemory ? undefined : stored), decoded) };
    },
  };
}

function readHeaderLength(file: RandomAccessFile, fail: Fail): number {
  if (file.size < lengthBytes)
    fail(
      `has ${counted(file.size, "byte")}, a safetensors file has at least ${lengthBytes}; is the download complete?`,
    );
  // A BigInt, because a length beyond 2^53 could round to a plausible number.
  const declared = viewOf(file.read(0, lengthBytes)).getBigUint64(0, true);
  if (declared > BigInt(longestSafetensorsHeader))
    fail(`declares a header of ${declared} bytes, more than ${longestSafetensorsHeader}; is this a safetensors file?`);
  if (declared > BigInt(file.size - lengthBytes))
    fail(
      `declares a header of ${counted(Number(declared), "byte")}, but only ${file.size - lengthBytes} follow; is it cut short?`,
    );
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
  if (unreadQuantizedTypes.includes(dtype))
    return fail(`${show(dtype)} means a quantised checkpoint: take the one in floats that it was made from`);
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
    fail(
      `${dtype} ${show(shape)} takes ${counted(bytes, "byte")}, its data_offsets ${show(offsets)} span ${end - begin}`,
    );
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
      `tensors end at byte ${expected}, but ${counted(bytes, "byte follows", "bytes follow")} the header${expected > bytes ? "; is it cut short?" : ""}`,
    );
}

const isDType = (value: unknown): value is SafetensorsDType =>
  typeof value === "string" && Object.hasOwn(bytesPerElement, value);

const isCounts = (value: unknown): value is number[] =>
  Array.isArray(value) && value.every((n) => Number.isSafeInteger(n) && n >= 0);

/** Gives memory of that many bytes, aligned to float32. */
type Memory = (bytes: number) => Uint8Array;
const ownMemory: Memory = (bytes) => new Uint8Array(bytes);

/** Memory that each call uses again. */
function reused(): Memory {
  let memory = new Uint8Array();
  return (bytes) => {
    if (memory.length < bytes) memory = new Uint8Array(bytes);
    return memory.subarray(0, bytes);
  };
}

/** The values of a tensor's bytes: a view where that is possible, otherwise in `memory`. */
type Decoder = (bytes: Uint8Array, memory: Memory) => Float32Array;

const decoders: ReadonlyMap<SafetensorsDType, Decoder> = new Map([
  ["F32", decodeF32],
  ["F16", decodeF16],
  ["BF16", decodeBF16],
]);

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.length);

const isLittleEndianHost = (): boolean => new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

/** Whether `decodeF32` gives a view. */
const isView = (bytes: Uint8Array): boolean => bytes.byteOffset % 4 === 0 && isLittleEndianHost();

const floatsIn = (memory: Uint8Array): Float32Array =>
  new Float32Array(memory.buffer, memory.byteOffset, memory.length / 4);

function decodeF32(bytes: Uint8Array, memory: Memory): Float32Array {
  if (isView(bytes)) return floatsIn(bytes);
  const copy = memory(bytes.length);
  copy.set(bytes);
  if (isLittleEndianHost()) return floatsIn(copy);
  const view = viewOf(bytes);
  const values = floatsIn(copy);
  for (let i = 0; i < values.length; i++) values[i] = view.getFloat32(4 * i, true);
  return values;
}

/** A bfloat16 is the upper half of a float32. */
function decodeBF16(bytes: Uint8Array, memory: Memory): Float32Array {
  const patterns = patternsOf(bytes);
  const values = floatsIn(memory(2 * bytes.length));
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  for (let i = 0; i < bits.length; i++) bits[i] = patterns[i]! << 16;
  return values;
}

function decodeF16(bytes: Uint8Array, memory: Memory): Float32Array {
  const patterns = patternsOf(bytes);
  const values = floatsIn(memory(2 * bytes.length));
  halfPrecision ??= tabulateHalfPrecision();
  for (let i = 0; i < values.length; i++) values[i] = halfPrecision[patterns[i]!]!;
  return values;
}

/** Little-endian numbers of 16 bits: a view if alignment and host allow, because reading them one by one takes thrice as long. */
function patternsOf(bytes: Uint8Array): Uint16Array {
  if (bytes.byteOffset % 2 === 0 && isLittleEndianHost())
    return new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.length / 2);
  const view = viewOf(bytes);
  return Uint16Array.from({ length: bytes.length / 2 }, (_, i) => view.getUint16(2 * i, true));
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
