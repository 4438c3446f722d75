/** The models behind one loaded checkpoint: one model if all pictures have one size, otherwise one for each size. */
import { type ImageSize, PptError, type VisionModel, type VisionModelConfig, type VisionOutput } from "@ppt-vit/core";

/** A run of a model on pictures of one size. */
export interface SizedRun {
  readonly output: VisionOutput;
  /** Of a picture, without the time to compile a model. */
  readonly latencyMs: number;
}

export interface SizedModels {
  /**
   * The configuration for pictures of a size. `what` names the picture.
   * @throws PptError INVALID_IMAGE if no model takes that size
   */
  configAt(size: ImageSize, what: string): VisionModelConfig;
  /** pixelValues [batch, channels, H, W] of a size that `configAt` knows. @throws PptError as `createVisionModel` and its `run` */
  run(config: VisionModelConfig, pixelValues: Float32Array, batch: number): Promise<SizedRun>;
  dispose(): Promise<void>;
}

/** Runs a model and takes the time. */
export async function timed(model: VisionModel, pixelValues: Float32Array, batch: number): Promise<SizedRun> {
  const start = performance.now();
  const output = await model.run({ pixelValues, batch });
  return { output, latencyMs: (performance.now() - start) / batch };
}

/** One model, for pictures of its own size. */
export function oneSize(model: VisionModel): SizedModels {
  const { config } = model;
  const [H, W] = config.imageSize;
  return {
    configAt({ height, width }, what) {
      // Without resize and crop, preprocessing keeps the picture's own size.
      if (height !== H || width !== W)
        throw new PptError(
          "INVALID_IMAGE",
          `${what}: becomes ${height} x ${width} pixels, the model takes ${H} x ${W}`,
        );
      return config;
    },
    run: (_, pixelValues, batch) => timed(model, pixelValues, batch),
    dispose: () => model.dispose(),
  };
}
