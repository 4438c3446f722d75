/**
 * Mixes the pictures of a batch with those of the batch in reverse order: mixup blends them (Zhang et al., arXiv 1710.09412), cutmix
 * pastes a rectangle (Yun et al., arXiv 1905.04899). Labels are mixed by the same share.
 */
import { beta } from "../random.js";

export interface MixingSettings {
  /** Parameter of the beta distribution of the share. 0: none. */
  readonly mixup: number;
  readonly cutmix: number;
}

export interface Mixable {
  /** [B, 3, H, W] */
  readonly pixels: Float32Array;
  /** [B, classes] */
  readonly targets?: Float32Array | undefined;
}

/** Changes a batch in place. With both settings one of them is drawn for each batch. */
export function mixBatch(
  { pixels, targets }: Mixable,
  batch: number,
  [height, width]: readonly [number, number],
  { mixup, cutmix }: MixingSettings,
  random: () => number,
): void {
  if (mixup === 0 && cutmix === 0) return;
  const cuts = cutmix > 0 && (mixup === 0 || random() < 0.5);
  const share = beta(cuts ? cutmix : mixup, random);
  const kept = cuts ? paste(pixels, batch, height, width, share, random) : blend(pixels, batch, share);
  if (targets) blend(targets, batch, kept);
}

/** x_i = share x_i + (1 - share) x_(B - 1 - i). */
function blend(values: Float32Array, batch: number, share: number): number {
  const length = values.length / batch;
  const before = values.slice();
  for (let i = 0; i < batch; i++)
    for (let j = 0; j < length; j++)
      values[i * length + j] = share * before[i * length + j]! + (1 - share) * before[(batch - 1 - i) * length + j]!;
  return share;
}

/** @returns the share of the picture that was kept, which differs from `share` where the rectangle reaches over the edge */
function paste(
  pixels: Float32Array,
  batch: number,
  height: number,
  width: number,
  share: number,
  random: () => number,
): number {
  const side = Math.sqrt(1 - share);
  const [h, w] = [Math.floor(height * side), Math.floor(width * side)];
  const [y, x] = [Math.floor(random() * height), Math.floor(random() * width)];
  const clip = (value: number, most: number) => Math.min(most, Math.max(0, value));
  const [top, bottom] = [clip(y - (h >> 1), height), clip(y + (h >> 1), height)];
  const [left, right] = [clip(x - (w >> 1), width), clip(x + (w >> 1), width)];
  const before = pixels.slice();
  const planes = pixels.length / batch / (height * width);
  for (let i = 0; i < batch; i++)
    for (let plane = 0; plane < planes; plane++)
      for (let row = top; row < bottom; row++) {
        const at = (image: number) => ((image * planes + plane) * height + row) * width;
        const from = at(batch - 1 - i);
        pixels.set(before.subarray(from + left, from + right), at(i) + left);
      }
  return 1 - ((bottom - top) * (right - left)) / (height * width);
}
