/** Convolution as a product of the filters and the pixels under their windows, strip by strip. */
import { addToChannels, positionsOn, rowsOfStrip } from "@ppt-vit/backend-cpu/maps";
import { type Composites, type SlidingWindow, sizeOf } from "@ppt-vit/core/backend";
import type { Engine } from "./engine.js";
import type { WasmStore } from "./store.js";
import type { WasmTensor } from "./tensor.js";
import { packedBytes } from "./weights.js";

/** Rows `first` to `end` of the positions of windows, of so many `columns`. */
interface Strip {
  readonly first: number;
  readonly end: number;
  readonly columns: number;
}

/**
 * Writes what each pixel of the window sees in turn, [C kh kw, positions] for one strip: with a stride of 1 these are rows of the image,
 * shifted.
 */
function fillStrip(
  out: Float32Array,
  x: WasmTensor,
  image: number,
  { kernel, stride, padding }: SlidingWindow,
  { first, end, columns }: Strip,
): void {
  const [, C, H, W] = x.shape as [number, number, number, number];
  const pixels = x.data;
  let to = 0;
  for (let channel = image * C; channel < (image + 1) * C; channel++)
    for (let ky = 0; ky < kernel[0]; ky++)
      for (let kx = 0; kx < kernel[1]; kx++)
        for (let row = first; row < end; row++, to += columns) {
          const y = row * stride[0] - padding[0] + ky;
          if (y < 0 || y >= H) {
            out.fill(0, to, to + columns);
            continue;
          }
          const left = kx - padding[1];
          // Columns from `begin` to `stop` lie inside the image.
          const begin = Math.min(columns, Math.max(0, Math.ceil(-left / stride[1])));
          const stop = Math.max(begin, Math.min(columns, Math.floor((W - 1 - left) / stride[1]) + 1));
          const from = (channel * H + y) * W + left;
          out.fill(0, to, to + begin);
          if (stride[1] === 1) out.set(pixels.subarray(from + begin, from + stop), to + begin);
          else for (let i = begin; i < stop; i++) out[to + i] = pixels[from + i * stride[1]]!;
          out.fill(0, to + stop, to + columns);
        }
}

export function convolutionOverride(engine: Engine, store: WasmStore): Composites<WasmTensor>["convolution"] {
  return (x, weight, bias, window) => {
    // Taken in each call: a disposed executable that is still held must hold no kernels, which hold the memory.
    const { kernels } = engine;
    const B = x.shape[0]!;
    const [O, ...rest] = weight.shape as [number, ...number[]];
    const K = sizeOf(rest);
    const [rows, columns] = positionsOn(x, window);
    const area = rows * columns;
    const out = store.take([B, O, rows, columns]);
    // A window of one pixel that visits every pixel sees the image as it is.
    const seesImage = area === x.shape[2]! * x.shape[3]! && sizeOf(window.kernel) === 1;
    const strip = Math.min(rows, rowsOfStrip(columns, K));
    const most = strip * columns;
    const windowBytes = seesImage ? 0 : 4 * K * most;
    store.scratch(windowBytes + packedBytes(most, K), (windows) => {
      const panels = windows + windowBytes;
      for (let image = 0; image < B; image++)
        for (let first = 0; first < rows; first += strip) {
          const end = Math.min(first + strip, rows);
          const count = (end - first) * columns;
          const offset = first * columns;
          if (seesImage) kernels.packColumns(x.address + 4 * (image * K * area + offset), 4 * area, K, count, panels);
          else {
            fillStrip(store.view(windows, K * count), x, image, window, { first, end, columns });
            kernels.packColumns(windows, 4 * count, K, count, panels);
          }
          const to = out.address + 4 * (image * O * area + offset);
          kernels.multiply(weight.address, 4 * K, panels, 0, to, 4 * area, O, count, K);
        }
    });
    if (bias) addToChannels(out, bias);
    return out;
  };
}
