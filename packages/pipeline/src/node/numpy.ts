/** Files of NumPy arrays (`.npy`). */

/** Little-endian float32 and float16, as NumPy names them. */
export type NumpyType = "<f4" | "<f2";

/**
 * What stands before the values of an array, row by row, in version 1.0 of NumPy's format: it ends with a line end, at a multiple of
 * 64 bytes.
 */
export function numpyHeader(dims: readonly number[], type: NumpyType): Uint8Array {
  const magic = 10;
  const fields = `{'descr': '${type}', 'fortran_order': False, 'shape': (${dims.join(", ")}${dims.length === 1 ? "," : ""}), }`;
  const length = 64 * Math.ceil((magic + fields.length + 1) / 64);
  const header = new Uint8Array(length);
  header.set(Buffer.from("\x93NUMPY\x01\x00", "latin1"));
  new DataView(header.buffer).setUint16(8, length - magic, true);
  header.set(Buffer.from(`${fields.padEnd(length - magic - 1)}\n`, "latin1"), magic);
  return header;
}
