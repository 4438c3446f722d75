/** `ppt-vit embed` as a job: a vector for each picture. */
import type { VisionModelConfig } from "@ppt-vit/core";
import { type FeatureExtractor, isFailure, type Pooling } from "@ppt-vit/pipeline";
import { batchOptions } from "../../flags/picture-options.js";
import { type LoadFlags, load, modelTask } from "../../jobs/model-task.js";
import type { Task } from "../../jobs/task.js";

export interface EmbedFlags extends LoadFlags {
  readonly pooling?: Pooling;
  readonly normalize: boolean;
}

export const loadExtractor = (flags: EmbedFlags, backend: string): Promise<FeatureExtractor> =>
  load("image-feature-extraction", flags, backend);

export const embedOptions = ({ pooling, normalize, ...flags }: EmbedFlags) => ({
  ...batchOptions(flags),
  normalize,
  ...(pooling && { pooling }),
});

const lengthOf = ({ projection, hiddenSize }: VisionModelConfig, pooling: Pooling | undefined): number =>
  projection !== undefined && (pooling ?? "projection") === "projection" ? projection : hiddenSize;

export const embedTask = (flags: EmbedFlags): Task =>
  modelTask("embed", flags, {
    needs: { heads: false },
    settings: { pooling: flags.pooling ?? null, normalize: flags.normalize },
    columns: (config) => [{ name: "embedding", type: "vector", length: lengthOf(config, flags.pooling) }],
    open: (backend) => loadExtractor(flags, backend),
    async *run(extractor, pictures) {
      for await (const result of extractor.embedAll(pictures, embedOptions(flags)))
        yield isFailure(result) ? result : { values: { embedding: result.embedding }, latencyMs: result.latencyMs };
    },
  });
