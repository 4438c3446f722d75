/**
 * Picture files to labels: this project's pipeline against that of transformers.js on a plain export of the same weights.
 * `pnpm bench --contenders benchmarks/contenders/files.mjs --backends files-transformers.js,files-onnx-cpu
 * --reference files-transformers.js --models deit-s --batches 32`
 *
 * `--batches` is the number of pictures in a run; the model sees them in batches of 8. The pictures are JPEG files of
 * 500 x 375 pixels, the most common size in ImageNet, made from the demo model's samples. Models are geometries.
 *
 * `files-transformers.js:q8` is the pipeline of transformers.js with `dtype: "q8"`: unreduced on the file of the standard quantiser,
 * reduced on the folder that `ppt-vit export` writes. `png:` before a contender's name takes PNG files.
 */
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { exportOnnx } from "@ppt-vit/backend-onnx";
import { demoSamplesUrl } from "@ppt-vit/demo-model";
import { fromPretrained } from "@ppt-vit/pipeline";
import { writeCheckpoint, writeConfigs } from "../checkpoint.mjs";
import { standardQ8 } from "../standard-q8.mjs";
import { plainOnnx } from "./onnx.mjs";

const batch = 8;

function temporaryFolder() {
  const folder = mkdtempSync(join(tmpdir(), "ppt-vit-files-"));
  process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

const formats = {
  jpg: (picture) => picture.jpeg({ quality: 90 }),
  png: (picture) => picture.png(),
};

async function makePictures(folder, count, format) {
  const sharp = createRequire(new URL("../../packages/pipeline/package.json", import.meta.url))("sharp");
  const samples = fileURLToPath(demoSamplesUrl);
  const sources = readdirSync(samples).filter((name) => name.endsWith(".png"));
  const paths = Array.from({ length: count }, (_, i) => join(folder, `${i}.${format}`));
  for (const [i, path] of paths.entries())
    await formats[format](sharp(join(samples, sources[i % sources.length])).resize(500, 375, { fit: "fill" })).toFile(
      path,
    );
  return paths;
}

/** `open(model, folder)` writes the model's files and gives what loads a classifier of `paths`, which counts its labels. */
const contender = (name, open, format = "jpg") => ({
  name,
  async prepare(model, count) {
    if (!model.geometry) throw new Error(`${model.source} is no geometry, and only those are measured from files`);
    const folder = temporaryFolder();
    const load = await open(model, folder);
    const paths = await makePictures(folder, count, format);
    return async () => {
      const classify = await load();
      return async () => {
        const labels = await classify(paths);
        if (labels !== paths.length) throw new Error(`${labels} labels for ${paths.length} pictures`);
      };
    };
  },
});

const throughPipeline = (backend) =>
  contender(`files-${backend}`, (model, folder) => {
    writeCheckpoint(folder, model.geometry, model.weights);
    return async () => {
      const classifier = await fromPretrained(folder, { backend, reduction: model.reduction ?? false });
      return async (paths) => {
        let labels = 0;
        for await (const result of classifier.classifyAll(paths, { batch, topK: 1 })) labels += result.labels.length;
        return labels;
      };
    };
  });

/** `write` gives the file that `dtype` names, and throws for a reduction that it has no file for. */
const throughTransformers = (name, dtype, file, write, format) =>
  contender(
    name,
    async (model, folder) => {
      const { env, pipeline } = await import("@huggingface/transformers");
      mkdirSync(join(folder, "exported", "onnx"), { recursive: true });
      writeConfigs(join(folder, "exported"), model.geometry);
      writeFileSync(join(folder, "exported", "onnx", file), write(model));
      env.allowRemoteModels = false;
      env.localModelPath = folder;
      return async () => {
        const classifier = await pipeline("image-classification", "exported", { dtype, device: "cpu" });
        return async (paths) => {
          let labels = 0;
          for (let start = 0; start < paths.length; start += batch)
            labels += (await classifier(paths.slice(start, start + batch), { top_k: 1 })).flat().length;
          return labels;
        };
      };
    },
    format,
  );

function plainUnreduced(model) {
  if (model.reduction) throw new Error("the pipeline of transformers.js is measured unreduced, as its users have it");
  return plainOnnx(model);
}

/** A reduced file has the outputs that `ppt-vit export` chooses, those of all tasks. */
const q8File = ({ config, weights, reduction }) =>
  reduction ? exportOnnx({ config, weights, reduction, dtype: "q8" }).bytes : standardQ8({ config, weights });

export const contenders = [
  throughTransformers("files-transformers.js", "fp32", "model.onnx", plainUnreduced),
  throughTransformers("files-transformers.js:q8", "q8", "model_quantized.onnx", q8File),
  throughTransformers("png:files-transformers.js:q8", "q8", "model_quantized.onnx", q8File, "png"),
  throughPipeline("onnx-cpu"),
  throughPipeline("cpu"),
];
