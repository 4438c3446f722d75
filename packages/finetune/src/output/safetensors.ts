/** Writes the safetensors format: an 8-byte length, a JSON header, and the tensors' bytes. */
import type { HostTensor, Tensors } from "@ppt-vit/core/backend";

/** Tensors start at multiples of this many bytes. */
const alignment = 8;

/** A file with these tensors as F32. */
export function writeSafetensors(tensors: Tensors<HostTensor>, metadata: Readonly<Record<string, string>>): Uint8Array {
  const header: Record<string, unknown> = { __metadata__: metadata };
  let end = 0;
  for (const [name, { shape, data }] of Object.entries(tensors)) {
    header[name] = { dtype: "F32", shape, data_offsets: [end, end + 4 * data.length] };
    end += 4 * data.length;
  }
  const text = new TextEncoder().encode(JSON.stringify(header));
  const padded = Math.ceil(text.length / alignment) * alignment;
  const file = new Uint8Array(8 + padded + end);
  new DataView(file.buffer).setBigUint64(0, BigInt(padded), true);
  file.fill(0x20, 8, 8 + padded).set(text, 8);
  let at = 8 + padded;
  const view = new DataView(file.buffer);
  for (const { data } of Object.values(tensors)) {
    if (littleEndian) new Float32Array(file.buffer, at, data.length).set(data);
    else for (let i = 0; i < data.length; i++) view.setFloat32(at + 4 * i, data[i]!, true);
    at += 4 * data.length;
  }
  return file;
}

const littleEndian = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;
