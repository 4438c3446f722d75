/** CMYK to RGB without a colour profile, as Pillow computes it. */

/**
 * 8-bit CMYK, where 255 is full ink, to RGB: R = (255 - K) - C (255 - K) / 255. The result overwrites the inks, so that a
 * large picture is in memory only once.
 */
export function rgbOfInks(cmyk: Uint8Array): Uint8Array {
  let to = 0;
  for (let from = 0; from < cmyk.length; from += 4) {
    const light = 255 - cmyk[from + 3]!;
    const [c, m, y] = [cmyk[from]! * light + 128, cmyk[from + 1]! * light + 128, cmyk[from + 2]! * light + 128];
    // a b / 255, rounded: Pillow's MULDIV255.
    cmyk[to++] = light - (((c >> 8) + c) >> 8);
    cmyk[to++] = light - (((m >> 8) + m) >> 8);
    cmyk[to++] = light - (((y >> 8) + y) >> 8);
  }
  return cmyk.subarray(0, to);
}
