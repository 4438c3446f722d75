/** Safetensors files, valid and invalid, and how invalid ones are refused. */
import { expect } from "vitest";
import {
  openSafetensors,
  parseSafetensors,
  type RandomAccessFile,
  type SafetensorsDType,
} from "../src/io/safetensors.js";

/** A file with this header, which may be any text, followed by these bytes. */
export function fileOf(
  header: string | Uint8Array,
  data: Uint8Array = new Uint8Array(0),
  declaredLength?: bigint,
): Uint8Array {
  const text = typeof header === "string" ? new TextEncoder().encode(header) : header;
  const file = new Uint8Array(8 + text.length + data.length);
  new DataView(file.buffer).setBigUint64(0, declaredLength ?? BigInt(text.length), true);
  file.set(text, 8);
  file.set(data, 8 + text.length);
  return file;
}

export interface Part {
  name: string;
  dtype: SafetensorsDType;
  shape: readonly number[];
  data: ArrayBufferView<ArrayBuffer>;
}

/** A valid file. `padding` spaces after the header move the data off its alignment. */
export function write(parts: readonly Part[], metadata?: Record<string, string>, padding = 0): Uint8Array {
  const fields: string[] = metadata ? [`"__metadata__":${JSON.stringify(metadata)}`] : [];
  const chunks: Uint8Array[] = [];
  let end = 0;
  for (const { name, dtype, shape, data } of parts) {
    chunks.push(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    const offsets = [end, end + data.byteLength];
    fields.push(`${JSON.stringify(name)}:${JSON.stringify({ dtype, shape, data_offsets: offsets })}`);
    end += data.byteLength;
  }
  return fileOf(`{${fields.join(",")}}${" ".repeat(padding)}`, Buffer.concat(chunks));
}

export const floats = (...values: number[]) => Float32Array.from(values);
export const tensor = (
  name: string,
  shape: readonly number[],
  data: Part["data"],
  dtype: SafetensorsDType = "F32",
): Part => ({
  name,
  dtype,
  shape,
  data,
});

/** The same bytes as a file that is read in parts, each into memory of its own. */
export const inParts = (bytes: Uint8Array): RandomAccessFile => ({
  size: bytes.length,
  read(begin, end, into = new Uint8Array(end - begin)) {
    into.set(bytes.subarray(begin, end));
    return into;
  },
});

/** Passes if `file` is refused for exactly this reason, in memory and on a disk. */
export function expectRefused(file: Uint8Array, message: string | RegExp): void {
  const refusal = expect.objectContaining({
    name: "PptError",
    code: "INVALID_SAFETENSORS",
    message: typeof message === "string" ? `model.safetensors: ${message}` : expect.stringMatching(message),
  });
  expect(() => parseSafetensors(file, "model.safetensors")).toThrow(refusal);
  expect(() => openSafetensors(inParts(file), "model.safetensors")).toThrow(refusal);
}
