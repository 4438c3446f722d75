/** Memory for a file whose size comes from a server or a file system. */
import { PptError } from "@ppt-vit/core";

/** Memory of `bytes` bytes, which begins `start` bytes into its buffer. @throws PptError OUT_OF_MEMORY, naming `what` */
export function allocate(bytes: number, what: string, start = 0): Uint8Array<ArrayBuffer> {
  try {
    return new Uint8Array(new ArrayBuffer(start + bytes), start);
  } catch (cause) {
    throw new PptError("OUT_OF_MEMORY", `${what}: its ${bytes} bytes do not fit into memory`, { cause });
  }
}
