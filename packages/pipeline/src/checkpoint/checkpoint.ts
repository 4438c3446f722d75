/** A checkpoint that has been read. */
import type {
  ImageProcessorConfig,
  ReductionConfig,
  VerificationRecord,
  VisionModelConfig,
  WeightSource,
} from "@ppt-vit/core";
import { type Check, callback, checkArgument, object, shaped } from "@ppt-vit/core/options";
import type { TextEmbeddings } from "./text-embeddings.js";

/** The files of a checkpoint, read and checked. */
export interface Checkpoint {
  /** `demo`, or the id, folder or address as it was given. */
  readonly name: string;
  readonly config: VisionModelConfig;
  /** Set if the saved class has a classifier and the weights do not: what was looked for, and what the weights hold. */
  readonly withoutClassifier?: string;
  readonly preprocessing: ImageProcessorConfig;
  readonly weights: WeightSource;
  /** The checkpoint's own `reduction.json`, if it has one. */
  readonly reduction?: ReductionConfig;
  /** The checkpoint's own `verification.json`, if it has one. */
  readonly verification?: readonly VerificationRecord[];
  /** CLIP: the checkpoint's own `text_embeddings.safetensors`, if it has one. */
  readonly textEmbeddings?: TextEmbeddings;
}

/** All of a checkpoint but its weights. A loaded model keeps this: its backend has the weights, once. */
export type CheckpointSettings = Omit<Checkpoint, "weights">;

const isWeights = shaped("", { has: callback.holds, read: callback.holds }).holds;

export const checkpointCheck: Check = shaped("a checkpoint, as readCheckpoint() gives it", {
  name: (value) => typeof value === "string",
  config: object.holds,
  preprocessing: object.holds,
  weights: isWeights,
});

/** @throws PptError INVALID_INPUT */
export const requireCheckpoint = (where: string, checkpoint: unknown): void =>
  checkArgument(where, "checkpoint", checkpoint, checkpointCheck);
