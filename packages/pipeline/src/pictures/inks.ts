/** Inks to light, as Pillow reckons: no colour profile, each ink takes its share of what black leaves. */

/** CMYK of 8 bits, 255 for all of an ink, to RGB: R = (255 - K) - C (255 - K) / 255. */
export function rgbOfInks(cmyk: Uint8Array): Uint8Array {
  const rgb = new Uint8Array((cmyk.length / 4) * 3);
  for (let from = 0, to = 0; from < cmyk.length; from += 4, to += 3) {
    const light = 255 - cmyk[from + 3]!;
    for (let c = 0; c < 3; c++) {
      // a b / 255, rounded: Pillow's MULDIV255.
      const product = cmyk[from + c]! * light + 128;
      rgb[to + c] = light - (((product >> 8) + product) >> 8);
    }
  }
  return rgb;
}
