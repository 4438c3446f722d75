import type { HostTensor } from "@ppt-vit/core";

/** A safetensors file of float32 tensors. */
export function safetensorsFile(tensors: Readonly<Record<string, HostTensor>>): Uint8Array {
  let end = 0;
  const header = Object.entries(tensors).map(([name, { shape, data }]) => {
    const start = end;
    end += data.byteLength;
    return [name, { dtype: "F32", shape, data_offsets: [start, end] }];
  });
  const text = Buffer.from(JSON.stringify(Object.fromEntries(header)));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  const bodies = Object.values(tensors).map(({ data }) => Buffer.from(data.buffer, data.byteOffset, data.byteLength));
  return Buffer.concat([length, text, ...bodies]);
}
