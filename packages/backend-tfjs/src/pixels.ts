/** Turns pixels that are TensorFlow.js tensors, as `tf.browser.fromPixels` makes them, into a model's input. */
import { type ImageProcessorConfig, PptError } from "@ppt-vit/core";
import { showShape } from "@ppt-vit/core/backend";
import { checkArgument, object, shaped } from "@ppt-vit/core/options";
import type { Tfjs as Namespace, TensorOf } from "./public-types.js";
import { type Tfjs, type TfTensor, tfjsCheck } from "./tfjs.js";

const pixelsCheck = shaped("a tensor of TensorFlow.js", { shape: Array.isArray });

/**
 * pixels [H, W, 3] or [B, H, W, 3], 0 to 255 -> pixel_values [B, 3, H, W]. Rescales and normalises on the device that holds
 * the pixels. The values are those of `processImage`, up to rounding. It does not resize, so the pixels must have the model's
 * size. `tf.image.resizeBilinear` and a canvas can resize before, but to other pixels than Pillow, whose filters widen when a
 * picture shrinks. `resizeAndCrop` of `@ppt-vit/core` gives Pillow's pixels, on the host.
 * @throws PptError INVALID_IMAGE if the shape is wrong; INVALID_INPUT
 */
export function pixelsToInput<T extends Namespace>(
  tf: T,
  pixels: TensorOf<T>,
  config: ImageProcessorConfig,
): TensorOf<T> {
  checkArgument("pixelsToInput", "tf", tf, tfjsCheck);
  checkArgument("pixelsToInput", "pixels", pixels, pixelsCheck);
  checkArgument("pixelsToInput", "config", config, object);
  const { shape } = pixels;
  if ((shape.length !== 3 && shape.length !== 4) || shape.at(-1) !== 3)
    throw new PptError(
      "INVALID_IMAGE",
      `pixelsToInput: expected pixels [H,W,3] or [B,H,W,3], got ${showShape(shape)}: tf.browser.fromPixels(image, 3) makes such`,
    );
  return normalised(tf as unknown as Tfjs, pixels as TfTensor, config) as TensorOf<T>;
}

/** The pixels as a model's input, on the engine that holds them. */
function normalised(tf: Tfjs, pixels: TfTensor, config: ImageProcessorConfig): TfTensor {
  return tf.tidy(() => {
    const images = tf.reshape(tf.cast(pixels, "float32"), [-1, ...pixels.shape.slice(-3)]);
    const rescaled = config.doRescale ? tf.mul(images, config.rescaleFactor) : images;
    const scaled = config.doNormalize
      ? tf.div(tf.sub(rescaled, [...config.imageMean]), [...config.imageStd])
      : rescaled;
    return tf.transpose(scaled, [0, 3, 1, 2]);
  });
}
