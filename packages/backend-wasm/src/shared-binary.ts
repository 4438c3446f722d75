/**
 * Makes of the kernels' binary one whose memory threads share. The two differ in the limits of the imported memory alone, so the
 * package need not hold both.
 */

const header = 8;
const importSection = 2;
const memoryKind = 2;
const globalKind = 3;
const sharedWithMaximum = 3;

/** The largest memory in pages of 64 kB: 4 GB less one page, so that an address behind the last byte fits into 32 bits. */
export const mostPages = 65_535;

/** An unsigned number in groups of seven bits, the lowest first. */
function encoded(value: number): number[] {
  const rest = value >>> 7;
  return rest === 0 ? [value] : [(value & 127) | 128, ...encoded(rest)];
}

/** @param binary imports one memory and globals, as the kernels do */
export function sharedBinary(binary: Uint8Array): Uint8Array<ArrayBuffer> {
  let at = header;
  const number = () => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = binary[at++]!;
      value += (byte & 127) * 2 ** shift;
      if (byte < 128) return value;
    }
  };
  const skipText = () => {
    const length = number();
    at += length;
  };
  for (;;) {
    const start = at;
    const section = binary[at++]!;
    const length = number();
    const content = at;
    if (section !== importSection) {
      at += length;
      continue;
    }
    for (let left = number(); left > 0; left--) {
      skipText();
      skipText();
      const kind = binary[at++];
      const limits = at;
      if (kind === globalKind) at += 2;
      else if (kind === memoryKind) {
        const hasMaximum = (number() & 1) === 1;
        const initial = number();
        if (hasMaximum) number();
        const own = [sharedWithMaximum, ...encoded(initial), ...encoded(mostPages)];
        const body = [...binary.subarray(content, limits), ...own, ...binary.subarray(at, content + length)];
        const end = binary.subarray(content + length);
        return Uint8Array.of(...binary.subarray(0, start), importSection, ...encoded(body.length), ...body, ...end);
      } else throw new Error(`an import of kind ${kind}`);
    }
  }
}
