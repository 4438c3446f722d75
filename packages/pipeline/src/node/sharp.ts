/** sharp, without the loaders of formats that are not accepted here. */
import type { Sharp, SharpOptions } from "sharp";

export type OpenSharp = (input: Uint8Array | Uint8ClampedArray | Uint16Array, options?: SharpOptions) => Sharp;

/**
 * libvips' names for the loaders of all other formats. They are listed one by one: blocking all and unblocking some would
 * leave other threads without a decoder in between.
 */
const unused = [
  ...[
    "Analyze",
    "Csv",
    "DcRaw",
    "Dcm",
    "Fits",
    "Jp2k",
    "Jxl",
    "Magick",
    "Magick7",
    "Mat",
    "Matrix",
    "Nifti",
    "OpenExr",
  ],
  ...["Openslide", "Pdf", "Ppm", "Rad", "Raw", "Svg", "Tiff", "Uhdr", "Vips"],
].map((name) => `VipsForeignLoad${name}`);

let loading: Promise<typeof import("sharp")> | undefined;

/**
 * sharp without the loaders of other formats. The first call in a thread blocks them for the whole process. Later calls do
 * not, so that a loader that the caller unblocks stays unblocked.
 */
export async function loadSharp(): Promise<OpenSharp> {
  loading ??= import("sharp").then((module) => {
    module.default.block({ operation: unused });
    return module;
  });
  return (await loading).default;
}

/** The same with the loader of SVG, for this package's own drawings. It stays unblocked from the first call on. */
export async function loadSharpForSvg(): Promise<OpenSharp> {
  const sharp = await loadSharp();
  (await loading!).default.unblock({ operation: ["VipsForeignLoadSvg"] });
  return sharp;
}
