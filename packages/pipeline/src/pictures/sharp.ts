/** sharp with the loaders that are used here, and no others. Node only. */
import type { Sharp, SharpOptions } from "sharp";

export type OpenSharp = (input: Uint8Array | Uint8ClampedArray, options?: SharpOptions) => Sharp;

/** libvips' loaders of the formats that are read. GIF is Nsgif, AVIF is Heif. */
const loaders = ["Jpeg", "Png", "Webp", "Nsgif", "Heif"].map((name) => `VipsForeignLoad${name}`);

let loading: Promise<typeof import("sharp")> | undefined;

/**
 * sharp, once it is known to open no other format: every other loader of libvips is switched off for the whole process,
 * the first time that this is called and never again, so that a caller who switches one on keeps it.
 */
export async function loadSharp(): Promise<OpenSharp> {
  loading ??= import("sharp").then((module) => {
    const { default: sharp } = module;
    sharp.block({ operation: ["VipsForeignLoad"] });
    sharp.unblock({ operation: loaders });
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
