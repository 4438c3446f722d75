/**
 * Labels pictures by a server that has a model of `ppt-vit export`. The pictures are decoded, resized and normalised here.
 *
 *   node classify.js http://localhost:8000 MODEL MODEL_FOLDER PICTURE...
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseModelConfig, parseProcessorFiles, processImage, stackImages } from "@ppt-vit/core";
import { decodeImage, topLabels } from "@ppt-vit/pipeline";
import { connect } from "./client.js";

/** @param folder what `ppt-vit export` wrote, for its labels and its preprocessing */
export function classifier(url, model, folder) {
  const read = (name) => JSON.parse(readFileSync(join(folder, name), "utf8"));
  const config = read("config.json");
  const { labels } = parseModelConfig(config);
  const preprocessing = parseProcessorFiles({ config, preprocessor: read("preprocessor_config.json") });
  const server = connect(url);
  return async (pictures) => {
    const images = await Promise.all(
      pictures.map(async (path) => processImage(await decodeImage(path), preprocessing)),
    );
    const shape = [images.length, ...images[0].shape.slice(1)];
    const { logits } = await server.infer(model, {
      pixel_values: { shape, data: stackImages(images.map(({ data }) => data)) },
    });
    const count = logits.shape[1];
    return pictures.map((path, i) => ({
      path,
      ...topLabels(logits.data.subarray(i * count, (i + 1) * count), labels, 1)[0],
    }));
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [url, model, folder, ...pictures] = process.argv.slice(2);
  for (const { path, label, probability } of await classifier(url, model, folder)(pictures))
    console.log(`${path}: ${label} (${(100 * probability).toFixed(1)} %)`);
}
