/** The models of a checkpoint whose pictures have sizes of their own. */
import { isPptError, PptError, type VisionModel, type VisionModelConfig, withImageSize } from "@ppt-vit/core";
import { type SizedModels, timed } from "./sized-models.js";

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
