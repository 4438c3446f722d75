/** Tests a checkpoint as timm publishes it: all settings in one config.json, and no preprocessor_config.json. */
import { parseModelConfig, sizeOf, weightShapes } from "@ppt-vit/core";
import { readCheckpoint } from "@ppt-vit/pipeline";
import { expect, it } from "vitest";

const config = {
  architecture: "vit_tiny_patch16_224",
  num_classes: 3,
  global_pool: "token",
  label_names: ["n01440764", "n01443537", "n01484850"],
  label_descriptions: { n01440764: "tench" },
  model_args: { img_size: 32 },
  pretrained_cfg: { input_size: [3, 32, 32], crop_pct: 0.9, interpolation: "bicubic", mean: [0.5, 0.5, 0.5] },
};

/** Weights of zeros, under timm's names. */
function weightsFile(): Uint8Array {
  let end = 0;
  const header = Object.fromEntries(
    Object.entries(weightShapes(parseModelConfig(config))).map(([name, shape]) => {
      const begin = end;
      end += 4 * sizeOf(shape);
      return [name, { dtype: "F32", shape, data_offsets: [begin, end] }];
    }),
  );
  const json = new TextEncoder().encode(JSON.stringify(header));
  const file = new Uint8Array(8 + json.length + end);
  new DataView(file.buffer).setBigUint64(0, BigInt(json.length), true);
  file.set(json, 8);
  return file;
}

const files = (content: Readonly<Record<string, Uint8Array>>) => ({
  name: "timm/model",
  read: async (file: string) => content[file],
});
const json = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));

it("reads model, labels and preprocessing from config.json", async () => {
  const content = { "config.json": json(config), "model.safetensors": weightsFile() };
  const checkpoint = await readCheckpoint(files(content));
  expect(checkpoint.config).toMatchObject({
    imageSize: [32, 32],
    hiddenSize: 192,
    labels: ["tench", "n01443537", "n01484850"],
  });
  expect(checkpoint.preprocessing).toMatchObject({
    size: { shortestEdge: 35 },
    cropSize: { height: 32, width: 32 },
    resample: "bicubic",
  });
  // timm ignores the file that lies beside its own.
  const own = { "preprocessor_config.json": json({ size: { height: 32, width: 32 }, do_resize: true }) };
  const { preprocessing } = await readCheckpoint(files({ ...content, ...own }));
  expect(preprocessing).toEqual(checkpoint.preprocessing);
});
