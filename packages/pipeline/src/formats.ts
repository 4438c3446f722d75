/** Which pictures are read. */

/** File name endings of the formats that are read. */
export const imageExtensions = [".jpg", ".jpeg", ".png", ".webp", ".gif", ".avif"] as const;

/** Limits on the pictures that are read. */
export interface DecodeOptions {
  /** Largest file or buffer that is read. Default 64 MiB. */
  readonly maxBytes?: number;
  /** Largest picture that is decoded, width times height. Default 64 million. */
  readonly maxPixels?: number;
  /** Take the first frame of an animated picture instead of refusing it. Default false. */
  readonly firstFrame?: boolean;
}

export const decodeDefaults = { maxBytes: 64 * 2 ** 20, maxPixels: 64e6, firstFrame: false };
