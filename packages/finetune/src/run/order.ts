/** Which pictures each step sees, and in which version. It depends on the seed and the step alone. */
import type { Augmentation } from "../augmentations/augmentation.js";
import { inBatches, type Place } from "../data/batches.js";
import type { TrainingPicture } from "../data/picture.js";
import { randomNumbers, seedOf, shuffled } from "../random.js";

export interface OrderSettings {
  readonly seed: number;
  readonly batch: number;
  readonly accumulate: number;
  readonly epochs: number;
}

export interface Order {
  readonly stepsInEpoch: number;
  readonly steps: number;
  /** The batches of a step, from 0. */
  batchesOf(step: number): Place[][];
  /** Every version of a picture that the run sees, once. */
  places(): Place[];
}

export function trainingOrder(
  pictures: readonly TrainingPicture[],
  augmentation: Augmentation,
  { seed, batch, accumulate, epochs }: OrderSettings,
): Order {
  const inStep = batch * accumulate;
  const stepsInEpoch = Math.ceil(pictures.length / inStep);
  let known: { epoch: number; order: number[] } | undefined;
  const orderOf = (epoch: number): number[] => {
    if (known?.epoch !== epoch)
      known = { epoch, order: shuffled(pictures.length, randomNumbers(seedOf(seed, "order", epoch))) };
    return known.order;
  };
  /** A picture goes through all its versions before one comes again. */
  const versionOf = (index: number, epoch: number): number => {
    const { versions } = augmentation;
    if (versions === undefined) return seedOf(seed, "version", epoch, index);
    const round = Math.floor(epoch / versions);
    return shuffled(versions, randomNumbers(seedOf(seed, "versions", round, index)))[epoch % versions]!;
  };
  const placeOf = (index: number, epoch: number): Place => ({
    index,
    file: pictures[index]!.file,
    augmentation: augmentation.name,
    version: versionOf(index, epoch),
  });
  return {
    stepsInEpoch,
    steps: stepsInEpoch * epochs,
    batchesOf(step) {
      const epoch = Math.floor(step / stepsInEpoch);
      const start = (step % stepsInEpoch) * inStep;
      const indices = orderOf(epoch).slice(start, start + inStep);
      return inBatches(
        indices.map((index) => placeOf(index, epoch)),
        batch,
      );
    },
    places() {
      const rounds = Math.min(epochs, augmentation.versions ?? epochs);
      return pictures.flatMap((_, index) => Array.from({ length: rounds }, (_, epoch) => placeOf(index, epoch)));
    },
  };
}
