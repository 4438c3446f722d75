/** Maps of depth as files: PNG pictures by sharp, and NumPy arrays. */
import { checkArgument, oneOf } from "@ppt-vit/core/options";
import { colourDepth, type DepthTensor, requireDepth, scaledDepth } from "../depth/depth-map.js";
import { numpyHeader } from "./numpy.js";
import { loadSharp } from "./sharp.js";

/** The formats of `renderDepth`. */
export const depthFormats = ["grey16", "grey8", "colour", "npy"] as const;
/**
 * `grey16`: a PNG picture of 16 bits, 0 for the least depth of the map and 65535 for the greatest. `grey8`: the same with 8 bits.
 * `colour`: a PNG picture in the colours of viridis. `npy`: the values themselves, as NumPy stores an array of float32.
 */
export type DepthFormat = (typeof depthFormats)[number];

/**
 * The content of a file. PNG pictures hold numbers, not colours to be shown alike everywhere: they have no colour profile.
 * @throws PptError INVALID_INPUT, INVALID_OPTION
 */
export async function renderDepth(
  depth: Pick<DepthTensor, "dims" | "data">,
  format: DepthFormat = "grey16",
): Promise<Uint8Array> {
  requireDepth("renderDepth", depth);
  checkArgument("renderDepth", "format", format, oneOf(depthFormats), "INVALID_OPTION");
  if (format === "npy") return numpyArray(depth);
  const sharp = await loadSharp();
  const { data } = depth;
  const [height, width] = depth.dims;
  if (format === "colour") {
    const coloured = colourDepth(depth).data;
    const raw = { width, height, channels: 4 } as const;
    return sharp(coloured, { raw, limitInputPixels: false }).removeAlpha().png().toBuffer();
  }
  const raw = { width, height, channels: 1 } as const;
  const grey =
    format === "grey16"
      ? sharp(scaledDepth(data, 65_535, new Uint16Array(data.length)), { raw, limitInputPixels: false }).toColourspace(
          "grey16",
        )
      : sharp(scaledDepth(data, 255, new Uint8Array(data.length)), { raw, limitInputPixels: false }).toColourspace(
          "b-w",
        );
  return grey.png().toBuffer();
}

function numpyArray({ dims, data }: Pick<DepthTensor, "dims" | "data">): Uint8Array {
  const header = numpyHeader(dims, "<f4");
  const file = new Uint8Array(header.length + data.byteLength);
  file.set(header);
  const view = new DataView(file.buffer);
  for (const [i, value] of data.entries()) view.setFloat32(header.length + 4 * i, value, true);
  return file;
}
