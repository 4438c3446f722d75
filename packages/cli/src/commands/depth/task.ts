/** `ppt-vit depth` as a job: a map of each picture as a file, and a table of them. */
import { join } from "node:path";
import {
  type DepthEstimator,
  type DepthFormat,
  type DepthInterpolation,
  isFailure,
  makeFolder,
  renderDepth,
} from "@ppt-vit/pipeline";
import { writeFileWhole } from "../../files/write-file.js";
import { batchOptions } from "../../flags/picture-options.js";
import { mapsFolder } from "../../jobs/folder.js";
import { type LoadFlags, load, modelTask } from "../../jobs/model-task.js";
import type { Task } from "../../jobs/task.js";
import { depthEndings } from "./outputs.js";

export interface EstimateFlags extends LoadFlags {
  readonly interpolation: DepthInterpolation;
}

export const loadEstimator = (flags: EstimateFlags, backend: string): Promise<DepthEstimator> =>
  load("depth-estimation", flags, backend);

export const estimateOptions = ({ interpolation, ...flags }: EstimateFlags) => ({
  ...batchOptions(flags),
  interpolation,
});

/** @param out the folder of the job, in which the maps get a folder of their own */
export const depthTask = (flags: EstimateFlags, out: string, format: DepthFormat): Task =>
  modelTask("depth", flags, {
    settings: { interpolation: flags.interpolation, maps: format },
    columns: () => [
      { name: "map", type: "text" },
      ...["width", "height"].map((name) => ({ name, type: "integer" }) as const),
      ...["minimum", "maximum"].map((name) => ({ name, type: "number" }) as const),
    ],
    open: (backend) => loadEstimator(flags, backend),
    async *run(estimator, pictures, first) {
      let place = first ?? 0;
      for await (const result of estimator.estimateDepthAll(pictures, estimateOptions(flags))) {
        // A picture's map is named by its place, because names of pictures may be equal, and may be no names of files.
        const map = `${mapsFolder}/${String(place++).padStart(9, "0")}${depthEndings[format]}`;
        if (isFailure(result)) {
          yield result;
          continue;
        }
        const { predicted_depth, minimum, maximum, latencyMs } = result;
        const [height, width] = predicted_depth.dims;
        if (first !== undefined) {
          makeFolder(join(out, mapsFolder));
          writeFileWhole(join(out, map), await renderDepth(predicted_depth, format));
        }
        yield { values: { map, width: width!, height: height!, minimum, maximum }, latencyMs };
      }
    },
  });
