/** Pictures that were given more than once. Otherwise one half of the pictures would decide on what the other half was searched by. */

/** FNV-1a over a sample of a picture's values. */
export function fingerprintOf(picture: Float32Array): number {
  const bits = new Uint32Array(picture.buffer, picture.byteOffset, picture.length);
  let hash = 0x811c9dc5;
  for (let i = 0; i < bits.length; i += 7) hash = Math.imul(hash ^ bits[i]! ^ (bits[i]! >>> 15), 0x01000193);
  return hash;
}

/** The first of all pictures that are equal, in their order. */
export function withoutCopies(pictures: readonly Float32Array[]): Float32Array[] {
  const known = new Map<number, Float32Array[]>();
  return pictures.filter((picture) => {
    const fingerprint = fingerprintOf(picture);
    const alike = known.get(fingerprint) ?? [];
    if (alike.some((one) => one.every((value, i) => value === picture[i]))) return false;
    known.set(fingerprint, [...alike, picture]);
    return true;
  });
}
