/** sharp with the loaders that are used here, and not those of other formats. Node only. */
import type { Sharp, SharpOptions } from "sharp";

export type OpenSharp = (input: Uint8Array | Uint8ClampedArray, options?: SharpOptions) => Sharp;

/**
 * libvips' loaders of all formats that are not read here, by the names it has for them. They are listed one by one: to switch
 * all off and some on again would leave other threads without a decoder in between.
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
 * sharp without the loaders of other formats: they are switched off for the whole process, the first time that this is called
 * in a thread and never again there, so that a caller who switches one on keeps it.
 */
export async function loadSharp(): Promise<OpenSharp> {
  loading ??= import("sharp").then((module) => {
    module.default.block({ operation: unused });
    return module;
  });
  return (await loading).default;
}

/** The same with the loader of SVG, for drawings of our own: from the first call on it stays open. */
export async function loadSharpForSvg(): Promise<OpenSharp> {
  const sharp = await loadSharp();
  (await loading!).default.unblock({ operation: ["VipsForeignLoadSvg"] });
  return sharp;
}
