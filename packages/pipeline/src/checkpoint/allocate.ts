/** Memory for a file whose size somebody else has told. */
import { PptError } from "@ppt-vit/core";

/** `bytes` of memory, which begin `start` bytes into their buffer. @throws PptError OUT_OF_MEMORY, naming `what` */
export function allocate(bytes: number, what: string, start = 0): Uint8Array<ArrayBuffer> {
  try {
    return new Uint8Array(new ArrayBuffer(start + bytes), start);
  } catch (cause) {
    throw new PptError("OUT_OF_MEMORY", `${what}: its ${bytes} bytes do not fit into memory`, { cause });
  }
}
