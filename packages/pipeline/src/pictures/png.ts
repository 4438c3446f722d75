/** PNG files without their animation. */

/** The chunks of an animation. */
const animationChunks = ["acTL", "fcTL", "fdAT"];

/**
 * The file without the chunks of its animation. Its default image remains, which is the first frame or a still before
 * it.
 */
export function withoutAnimation(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const still = new Uint8Array(bytes.length);
  still.set(bytes.subarray(0, 8));
  let length = 8;
  for (let at = 8; at + 8 <= bytes.length; ) {
    const end = Math.min(bytes.length, at + 12 + view.getUint32(at));
    const chunk = bytes.subarray(at, end);
    if (!animationChunks.includes(String.fromCharCode(...chunk.subarray(4, 8)))) {
      still.set(chunk, length);
      length += chunk.length;
    }
    at = end;
  }
  return still.subarray(0, length);
}
