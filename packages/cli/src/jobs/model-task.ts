/** Makes a task of a job from a model of the pipeline: what all commands share is written here. */
import type { VisionModelConfig } from "@ppt-vit/core";
import {
  type CheckpointNeeds,
  fromPretrained,
  type ModelFacts,
  type PictureSource,
  type PretrainedModel,
  readCheckpoint,
  type TaskName,
} from "@ppt-vit/pipeline";
import type { DtypeFlags } from "../flags/dtype-option.js";
import { type ModelFlags, withDownloads } from "../flags/model-options.js";
import type { PictureFlags } from "../flags/picture-options.js";
import { type ReductionFlags, reductionOf } from "../flags/reduction-options.js";
import type { Column } from "./columns.js";
import type { Result, Task } from "./task.js";

/** The flags that say which model computes, and how. */
export interface LoadFlags extends DtypeFlags, ReductionFlags, ModelFlags, PictureFlags {
  readonly model: string;
  readonly backend: string;
  readonly verify: boolean;
}

/** Loads a model as the flags say. `more` are options of its task. @throws PptError as `fromPretrained` */
export const load = <Name extends TaskName>(
  task: Name,
  flags: LoadFlags,
  backend: string,
  more: object = {},
): Promise<PretrainedModel<Name>> =>
  withDownloads(flags.model, flags, (loading) =>
    fromPretrained<Name>(flags.model, {
      ...loading,
      task,
      backend,
      dtype: flags.dtype,
      reduction: reductionOf(flags),
      imageSize: flags.imageSize,
      verify: flags.verify,
      ...more,
    } as Parameters<typeof fromPretrained<Name>>[1]),
  );

interface Work<Model> {
  readonly needs?: CheckpointNeeds;
  /** Options of the command on which its rows depend. */
  readonly settings: Readonly<Record<string, unknown>>;
  columns(config: VisionModelConfig): readonly Column[];
  open(backend: string): Promise<Model>;
  run(model: Model, pictures: readonly PictureSource[], first: number | undefined): AsyncIterable<Result>;
}

export const modelTask = <Model extends ModelFacts & { dispose(): Promise<void> }>(
  command: string,
  flags: LoadFlags,
  { needs, settings, columns, open, run }: Work<Model>,
): Task => ({
  command,
  readCheckpoint: () => withDownloads(flags.model, flags, (loading) => readCheckpoint(flags.model, loading, needs)),
  columns,
  async open(backend) {
    const model = await open(backend);
    const { dtype, imageSize, batch, firstFrame, maxPixels } = flags;
    return {
      backend: model.backend,
      settings: {
        ...{ dtype, reduction: model.reduction ?? null, imageSize: imageSize ?? null, batch },
        ...{ firstFrame, maxPixels: maxPixels ?? null },
        ...settings,
      },
      run: (pictures, first) => run(model, pictures, first),
      dispose: () => model.dispose(),
    };
  },
});
