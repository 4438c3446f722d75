/** The limits within which pictures are read. */
import { type Checks, checkOptions, flag } from "@ppt-vit/core/options";
import { limit } from "../checks.js";

/** Limits for pictures, and what is taken of animations. */
export interface DecodeOptions {
  /** Largest file or buffer that is read, in bytes. Default 64 MiB. */
  readonly maxBytes?: number | undefined;
  /** Largest picture that is decoded, width times height. Default 64 million. */
  readonly maxPixels?: number | undefined;
  /** Take the first frame of an animated picture instead of refusing it. Default false. */
  readonly firstFrame?: boolean | undefined;
}

export type DecodeLimits = { readonly [Name in keyof DecodeOptions]-?: NonNullable<DecodeOptions[Name]> };

const defaults: DecodeLimits = { maxBytes: 64 * 2 ** 20, maxPixels: 64e6, firstFrame: false };

/** The options, with defaults for those that are not given. */
export const decodeLimits = ({ maxBytes, maxPixels, firstFrame }: DecodeOptions): DecodeLimits => ({
  maxBytes: maxBytes ?? defaults.maxBytes,
  maxPixels: maxPixels ?? defaults.maxPixels,
  firstFrame: firstFrame ?? defaults.firstFrame,
});

export const decodeChecks: Checks<DecodeOptions> = { maxBytes: limit, maxPixels: limit, firstFrame: flag };

/** The options of `decodeImage`. @throws PptError INVALID_OPTION */
export const decodeOptions = (options: DecodeOptions | undefined): DecodeOptions =>
  checkOptions("decodeImage", options, decodeChecks);
