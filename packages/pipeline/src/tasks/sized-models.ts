/** The models behind one loaded checkpoint: one model if all pictures have one size, otherwise one for each size. */
import {
  type ImageSize,
  isPptError,
  PptError,
  type VisionModel,
  type VisionModelConfig,
  type VisionOutput,
  withImageSize,
} from "@ppt-vit/core";

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

async function timed(model: VisionModel, pixelValues: Float32Array, batch: number): Promise<SizedRun> {
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

const keyOf = ({ imageSize }: VisionModelConfig): string => imageSize.join("x");

/** How many models are kept at most, and how many bytes their weights may take together. One is always kept. */
const mostModels = 4;
const mostBytes = 2 ** 30;

/**
 * A model for each size, compiled when the first picture of that size comes. Each has its own copy of the weights, so only those
 * used last are kept: four, or as many as take 1 GiB.
 * @param bytes of the weights of one model
 * @param first a model that is compiled already
 */
export function manySizes(
  config: VisionModelConfig,
  bytes: number,
  compile: (config: VisionModelConfig) => Promise<VisionModel>,
  first?: VisionModel,
): SizedModels {
  const kept = Math.min(mostModels, Math.max(1, Math.floor(mostBytes / bytes)));
  /** By size, the one used last at the end. */
  const models = new Map<string, VisionModel>();
  if (first) models.set(keyOf(first.config), first);
  let disposed = false;
  // One run at a time, so that no model is disposed while another run uses it.
  let last: Promise<unknown> = Promise.resolve();
  function inTurn<R>(work: () => Promise<R>): Promise<R> {
    const done = last.then(work);
    last = done.catch(() => {});
    return done;
  }

  async function modelAt(sized: VisionModelConfig): Promise<VisionModel> {
    const key = keyOf(sized);
    const found = models.get(key);
    models.delete(key);
    if (!found)
      for (const [other, model] of models) {
        if (models.size < kept) break;
        models.delete(other);
        await model.dispose();
      }
    const model = found ?? (await compile(sized));
    models.set(key, model);
    return model;
  }

  return {
    configAt({ height, width }, what) {
      try {
        return withImageSize(config, [height, width]);
      } catch (cause) {
        if (!isPptError(cause)) throw cause;
        const reason = cause.message.replace(/^config: /, "");
        throw new PptError(
          "INVALID_IMAGE",
          `${what}: becomes ${height} x ${width} pixels: ${reason}: choose one size for all pictures with imageSize (--image-size)`,
          { cause },
        );
      }
    },
    run: (sized, pixelValues, batch) =>
      inTurn(async () => {
        if (disposed) throw new PptError("DISPOSED", "run: this model was disposed; load it again");
        return timed(await modelAt(sized), pixelValues, batch);
      }),
    dispose: () =>
      inTurn(async () => {
        disposed = true;
        for (const model of models.values()) await model.dispose();
        models.clear();
      }),
  };
}
