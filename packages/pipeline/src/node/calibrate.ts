/** Calibration in Node: on picture files, for checkpoints in folders and on the Hub. */
import { availableParallelism, cpus } from "node:os";
import { arrayOf } from "@ppt-vit/core/options";
import {
  type Calibration as CalibrationOf,
  calibrateCheckpoint,
  calibrateOptions,
  type CalibrateOptions as OptionsFor,
} from "../calibrate/calibrate.js";
import { decodeImage } from "./decode.js";
import { readCheckpoint } from "./folder.js";
import type { CheckpointSource, ImageInput } from "./inputs.js";

/** Options of `calibrate`, with pictures as Node takes them. */
export type CalibrateOptions = OptionsFor<ImageInput>;
/** What `calibrate` found, with pictures as Node takes them. */
export type Calibration = CalibrationOf<ImageInput>;

const images = arrayOf("paths, file: URLs or bytes of pictures");

/**
 * Tries settings on a checkpoint. `chooseSettings` picks among the trials, `reductionDocument` makes a `reduction.json`.
 * @throws PptError what loading throws; INVALID_INPUT if no picture can be read; INVALID_OPTION for a target that nothing
 * can reach
 */
export async function calibrate(source: CheckpointSource, given: CalibrateOptions): Promise<Calibration> {
  const options = calibrateOptions(given, images);
  const checkpoint = await readCheckpoint(source, options);
  const device = `${cpus()[0]?.model.trim() ?? "unknown"}, ${availableParallelism()} threads`;
  return calibrateCheckpoint(checkpoint, options, decodeImage, device);
}
