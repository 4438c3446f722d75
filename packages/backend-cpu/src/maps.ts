/** Composites over maps [B, C, H, W]: windows, convolution, resizing. */
import { bilinearTaps, type Composites, type SlidingWindow, windowPositions } from "@ppt-vit/core/backend";
import { multiplyTransposed } from "./kernels/gemm.js";
import type { TensorStore } from "./store.js";
import type { CpuTensor } from "./tensor.js";

/** Rows and columns of the window's positions on an image [B, C, H, W]. */
export const positionsOn = ({ shape }: CpuTensor, { kernel, stride, padding }: SlidingWindow): [number, number] => [
  windowPositions(shape[2]!, kernel[0], stride[0], padding[0]),
  windowPositions(shape[3]!, kernel[1], stride[1], padding[1]),
];

/** Rows of positions whose windows of `features` pixels together stay in the second-level cache. */
export const rowsOfStrip = (columns: number, features: number): number =>
  Math.max(1, Math.floor(2 ** 18 / (columns * features)));

/** Copies the pixels of each window to `windows`, for rows `first` to `end` of the positions on one image. */
function copyWindows(
  windows: Float32Array,
  x: CpuTensor,
  image: number,
  { kernel, stride, padding }: SlidingWindow,
  [first, end, columns]: readonly [number, number, number],
): void {
  const [, C, H, W] = x.shape as [number, number, number, number];
  const [kh, kw] = kernel;
  const pixels = x.data;
  let to = 0;
  for (let row = first, top = first * stride[0] - padding[0]; row < end; row++, top += stride[0])
    for (let left = -padding[1], column = 0; column < columns; column++, left += stride[1])
      for (let channel = image * C; channel < (image + 1) * C; channel++)
        for (let y = top; y < top + kh; y++, to += kw) {
          const from = (channel * H + y) * W + left;
          const rowInside = y >= 0 && y < H;
          if (rowInside && left >= 0 && left + kw <= W) {
            for (let i = 0; i < kw; i++) windows[to + i] = pixels[from + i]!;
            continue;
          }
          for (let i = 0; i < kw; i++)
            windows[to + i] = rowInside && left + i >= 0 && left + i < W ? pixels[from + i]! : 0;
        }
}

/** Adds bias [C] to maps [B, C, ...] in place. */
export function addToChannels(maps: CpuTensor, bias: CpuTensor): void {
  const [B, C, ...rest] = maps.shape as [number, number, ...number[]];
  const area = rest.reduce((product, n) => product * n, 1);
  const [values, shifts] = [maps.data, bias.data];
  for (let plane = 0; plane < B * C; plane++) {
    const shift = shifts[plane % C]!;
    for (let i = plane * area; i < (plane + 1) * area; i++) values[i]! += shift;
  }
}

export function mapOverrides<T extends CpuTensor>({
  take,
}: TensorStore<T>): Pick<Composites<T>, "unfold" | "convolution" | "resizeBilinear"> {
  return {
    /** Copies the pixels of each window. The default multiplies by 0/1 matrices instead. */
    unfold(x, window) {
      const [B, C] = x.shape as [number, number];
      const [rows, columns] = positionsOn(x, window);
      const features = C * window.kernel[0] * window.kernel[1];
      const out = take([B, rows * columns, features]);
      const length = rows * columns * features;
      for (let image = 0; image < B; image++)
        copyWindows(out.data.subarray(image * length), x, image, window, [0, rows, columns]);
      return out;
    },

    /** Strip by strip, because the windows of a whole image take as many times its memory as a window has pixels. */
    convolution(x, weight, bias, window) {
      const B = x.shape[0]!;
      const [O, ...rest] = weight.shape as [number, ...number[]];
      const features = rest.reduce((product, n) => product * n, 1);
      const [rows, columns] = positionsOn(x, window);
      const out = take([B, O, rows, columns]);
      const strip = Math.min(rows, rowsOfStrip(columns, features));
      const windows = { data: new Float32Array(strip * columns * features), offset: 0, stride: features };
      const filters = { data: weight.data, offset: 0, stride: features };
      const area = rows * columns;
      for (let image = 0; image < B; image++)
        for (let first = 0; first < rows; first += strip) {
          const end = Math.min(first + strip, rows);
          copyWindows(windows.data, x, image, window, [first, end, columns]);
          const target = { data: out.data, offset: image * O * area + first * columns, stride: area };
          multiplyTransposed(filters, windows, target, O, (end - first) * columns, features);
        }
      if (bias) addToChannels(out, bias);
      return out;
    },

    /** Four pixels make one. The default multiplies by two matrices of weights, most of which are 0. */
    resizeBilinear(x, [rows, columns], alignCorners) {
      const [B, C, H, W] = x.shape as [number, number, number, number];
      const out = take([B, C, rows, columns]);
      const [pixels, resized] = [x.data, out.data];
      const across = bilinearTaps(W, columns, alignCorners);
      const lows = Int32Array.from(across, ({ low }) => low);
      const highs = Int32Array.from(across, ({ high }) => high);
      const weights = Float64Array.from(across, ({ weight }) => weight);
      const down = bilinearTaps(H, rows, alignCorners);
      let to = 0;
      for (let plane = 0; plane < B * C; plane++)
        for (const { low, high, weight } of down) {
          const upper = (plane * H + low) * W;
          const lower = (plane * H + high) * W;
          for (let i = 0; i < columns; i++, to++) {
            const [l, h, w] = [lows[i]!, highs[i]!, weights[i]!];
            const above = pixels[upper + l]! * (1 - w) + pixels[upper + h]! * w;
            const below = pixels[lower + l]! * (1 - w) + pixels[lower + h]! * w;
            resized[to] = above * (1 - weight) + below * weight;
          }
        }
      return out;
    },
  };
}
