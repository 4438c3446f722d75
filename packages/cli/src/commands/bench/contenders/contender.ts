/** What `ppt-vit bench` measures: anything that loads a model and runs it. */
import type { BenchModel } from "../model.js";

/**
 * One run of [batch, channels, height, width] normalised pixels; resolves once the outputs are in host memory. What it resolves
 * with are the logits [batch, labels], so that contenders in other precisions can be compared with floats; nothing if it has none.
 */
export interface Run {
  (pixelValues: Float32Array, batch: number): Promise<Float32Array | undefined> | Promise<void>;
  /** What a GPU would launch in a run, of contenders that run a graph. */
  readonly kernels?: number;
}

/** A built-in contender, or one that a module given with `--contenders` exports. */
export interface Contender {
  /** As `--backends` takes it. */
  readonly name: string;
  /** The contender that computes the same in floats. Default: `NAME` for `NAME:PRECISION`, and none for other names. */
  readonly floats?: string;
  /**
   * Does everything that no clock measures, such as writing files. The returned function loads the runtime and the model
   * and is measured as loading; each call of the `Run` it resolves with is measured as a run.
   * @throws PptError BACKEND_UNAVAILABLE where a package or device is missing, also from the returned function
   */
  prepare(model: BenchModel, batch: number): Promise<() => Promise<Run>>;
}
