/** Tests files that people mistake for a checkpoint: the error says what the file is, and what to do. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { checkpointFiles } from "../src/browser/files.js";
import type { CheckpointFiles } from "../src/checkpoint/files.js";
import { baseModelsOfCard } from "../src/checkpoint/found-files.js";
import { parseCheckpoint } from "../src/checkpoint/parse.js";
import { checkpointFolder } from "../src/node/folder.js";
import { fromPretrained } from "../src/node/from-pretrained.js";
import { startHub } from "./fake-hub.js";

const config = JSON.stringify({
  model_type: "vit",
  hidden_size: 16,
  num_hidden_layers: 1,
  num_attention_heads: 1,
  intermediate_size: 32,
  image_size: 32,
  patch_size: 16,
});
const card = "---\nlicense: apache-2.0\nbase_model: google/vit-base-patch16-224\n---\n# Title\n";
const settings = { "config.json": config, "preprocessor_config.json": '{"image_processor_type":"ViTImageProcessor"}' };
const openClip = JSON.stringify({ model_cfg: { vision_cfg: { timm_model_name: "vit_base_patch16_clip_224" } } });

/** File names with their content, and what the message says about them. */
const cases: readonly { readonly name: string; readonly files: Record<string, string>; readonly says: string }[] = [
  {
    name: "an ONNX repository with a model card",
    files: { ...settings, "onnx/model.onnx": "", "onnx/model_quantized.onnx": "", "README.md": card },
    says: 'It holds onnx/model.onnx; the weights are in its base model google/vit-base-patch16-224: pass that; dtype: "q8" or "q4" (--dtype) quantises it while it loads',
  },
  {
    name: "an export",
    files: { ...settings, "onnx/model.onnx": "" },
    says: "It holds onnx/model.onnx: this is an export: give it to transformers.js or another ONNX engine, or look at it with ppt-vit info; to run it here, pass the model that it was made from",
  },
  {
    name: "an export for Triton",
    files: { "vit/config.pbtxt": "", "vit/1/model.onnx": "" },
    says: "It holds vit/1/model.onnx: this is an export",
  },
  {
    name: "PyTorch's weights",
    files: { ...settings, "pytorch_model.bin": "", "README.md": card },
    says: "It holds pytorch_model.bin; a pytorch_model.bin or .pth is not read, because such files can run code: convert it once",
  },
  {
    name: "PyTorch's weights in several files",
    files: { ...settings, "pytorch_model-00001-of-00002.bin": "", "pytorch_model.bin.index.json": "{}" },
    says: "It holds pytorch_model-00001-of-00002.bin; a pytorch_model.bin",
  },
  {
    name: "OpenCLIP's layout",
    files: { "open_clip_config.json": openClip, "open_clip_pytorch_model.bin": "" },
    says: "It holds open_clip_config.json, OpenCLIP's own layout, which is not read: pass the same model as transformers or timm publish it (timm/vit_base_patch16_clip_224)",
  },
  {
    name: "OpenCLIP's safetensors",
    files: { "open_clip_config.json": "{", "open_clip_model.safetensors": "" },
    says: "OpenCLIP's own layout, which is not read: pass the same model as transformers or timm publish it, with",
  },
  {
    name: "an adapter",
    files: {
      "adapter_config.json": '{"base_model_name_or_path":"google/vit-base-patch16-224-in21k"}',
      "adapter_model.safetensors": "",
    },
    says: "It holds adapter_config.json, an adapter of google/vit-base-patch16-224-in21k: merge the two",
  },
  {
    name: "an adapter of something on a disk",
    files: { "adapter_config.json": '{"base_model_name_or_path":"/home/somebody/\\u001b[2J"}', "README.md": card },
    says: "an adapter of google/vit-base-patch16-224: merge the two",
  },
  {
    name: "a diffusers pipeline",
    files: { "model_index.json": "{}", "unet/config.json": "{}", "unet/model.safetensors": "" },
    says: "It holds model_index.json, a diffusers pipeline, which classifies nothing",
  },
  {
    name: "a diffusers pipeline with a vision model",
    files: { "model_index.json": "{}", "image_encoder/config.json": "{}" },
    says: "its vision model lies in image_encoder, load that folder",
  },
  {
    name: "TensorFlow's weights",
    files: { ...settings, "tf_model.h5": "" },
    says: "It holds tf_model.h5, weights of another program, which are not read",
  },
  {
    name: "JAX's weights",
    files: { ...settings, "flax_model.msgpack": "", "README.md": card },
    says: "It holds flax_model.msgpack, weights of another program, which are not read: pass google/vit-base-patch16-224 with its model.safetensors",
  },
  { name: "GGUF", files: { "model-q4.gguf": "" }, says: "It holds model-q4.gguf, weights of another program" },
  {
    name: "a tokenizer",
    files: { "tokenizer.json": "{}", "vocab.txt": "" },
    says: "It holds tokenizer.json, a tokenizer and no vision model",
  },
  {
    name: "shards without their index",
    files: { ...settings, "model-00001-of-00002.safetensors": "" },
    says: "It holds model-00001-of-00002.safetensors, but not the model.safetensors.index.json",
  },
  {
    name: "weights under another name",
    files: { ...settings, "vit_base.safetensors": "" },
    says: "It holds vit_base.safetensors: if these are the weights, give the file the name model.safetensors",
  },
  {
    name: "weights without a configuration",
    files: { "model.safetensors": "", "README.md": card },
    says: "It holds model.safetensors, but no config.json, which says what these weights are: take the file from google/vit-base-patch16-224",
  },
  {
    name: "something else",
    files: { "a.txt": "", "b.txt": "", "c.txt": "", "d.txt": "" },
    says: "It holds 'a.txt', 'b.txt', 'c.txt', and 1 more files",
  },
  { name: "a name that would clear the terminal", files: { "\u001b[2J": "" }, says: "It holds '\\u001b[2J'" },
];

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "ppt-vit-found-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

function write(files: Record<string, string>, under = folder): void {
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(under, name)), { recursive: true });
    writeFileSync(join(under, name), content);
  }
}
const notFound = (message: string) => ({ code: "NOT_FOUND", message: expect.stringContaining(message) });

describe("a folder with", () => {
  it.each(cases)("$name", async ({ files, says }) => {
    write(files);
    await expect(fromPretrained(folder)).rejects.toMatchObject(notFound(says));
  });

  it("nothing in it", async () => {
    await expect(fromPretrained(folder)).rejects.toMatchObject(
      notFound("There is nothing in it: is it the right folder, and the download complete?"),
    );
  });

  it("the model in a folder below", async () => {
    write({ "0_CLIPModel/config.json": config, "0_CLIPModel/model.safetensors": "", "modules.json": "[]" });
    const says = `It holds 0_CLIPModel/model.safetensors: the model lies in the folder '0_CLIPModel': pass ${join(folder, "0_CLIPModel")}`;
    await expect(fromPretrained(folder)).rejects.toMatchObject(notFound(says));
  });
});

describe("a path", () => {
  it("of a file is told from one of a folder", async () => {
    write({ "model.safetensors": "", "model.onnx": "" });
    await expect(fromPretrained(join(folder, "model.safetensors"))).rejects.toMatchObject(
      notFound(`It is a file: pass the folder of model.safetensors, ${folder}/ with config.json`),
    );
    await expect(fromPretrained(join(folder, "model.onnx"))).rejects.toMatchObject(
      notFound("It is a file, an export to ONNX: give it to transformers.js"),
    );
  });

  it("of nothing, which may be an id with ./ in front", async () => {
    await expect(fromPretrained(join(folder, "nothing"))).rejects.toMatchObject(notFound("There is no such folder"));
    await expect(fromPretrained("./facebook/deit-no-such-folder")).rejects.toMatchObject(
      notFound("There is no such folder; for the model of the Hub leave out the ./"),
    );
  });
});

describe("the Hub", () => {
  const commit = "0123456789abcdef0123456789abcdef01234567";
  const bytesOf = (files: Record<string, string>) =>
    Object.fromEntries(Object.entries(files).map(([name, text]) => [name, new TextEncoder().encode(text)]));

  it.each(cases.filter(({ name }) => !name.includes("terminal")))("$name", async ({ files, says }) => {
    const hub = await startHub({ "org/model": { commit, files: bytesOf(files) } });
    const options = { endpoint: hub.url, cacheDir: folder };
    try {
      await expect(fromPretrained("org/model", options)).rejects.toMatchObject(notFound(says));
      // The reads that `info` makes.
      if (!("config.json" in files))
        await expect(checkpointFolder("org/model", options)).rejects.toMatchObject(notFound(says));
    } finally {
      await hub.close();
    }
  });

  it("a base model that only the API names, and a model in a folder", async () => {
    const files = bytesOf({ ...settings, "onnx/model.onnx": "" });
    const cardData = { base_model: ["not an id", "org/base"] };
    const inside = bytesOf({ "0_CLIPModel/config.json": config, "0_CLIPModel/model.safetensors": "" });
    const hub = await startHub({ "org/onnx": { commit, files, cardData }, "org/inside": { commit, files: inside } });
    const options = { endpoint: hub.url, cacheDir: folder };
    try {
      await expect(fromPretrained("org/onnx", options)).rejects.toMatchObject(
        notFound("the weights are in its base model org/base: pass that"),
      );
      await expect(fromPretrained("org/inside", options)).rejects.toMatchObject(
        notFound("the model lies in the folder '0_CLIPModel': download the repository (hf download org/inside)"),
      );
    } finally {
      await hub.close();
    }
  });
});

describe("a browser's folder with", () => {
  /** Files as `<input type="file" webkitdirectory>` gives them. */
  const picked = (files: Record<string, string>) =>
    Object.entries(files).map(([path, content]) => {
      const file = new File([content], path.split("/").at(-1)!);
      return Object.defineProperty(file, "webkitRelativePath", { value: `picked/${path}` });
    });

  // A page loads a model from a folder below the top, so the diffusers case does not fail there.
  it.each(cases.filter(({ name }) => !name.includes("diffusers")))("$name", async ({ files, says }) => {
    await expect(parseCheckpoint(await checkpointFiles(picked(files)))).rejects.toMatchObject(notFound(says));
  });

  it("one model below the top takes that one, whole", async () => {
    const files = await checkpointFiles(
      picked({ "a/config.json": "1", "b/c/config.json": "2", "b/model.safetensors": "3" }),
    );
    expect(files.name).toBe("picked/a");
    expect(await files.read("config.json", { optional: false })).toEqual(new TextEncoder().encode("1"));
    expect(await files.read("model.safetensors", { optional: true })).toBe(undefined);
  });

  it("two models side by side takes neither, and says where they are", async () => {
    const two = { "a/config.json": config, "a/model.safetensors": "", "b/config.json": config };
    await expect(parseCheckpoint(await checkpointFiles(picked(two)))).rejects.toMatchObject(
      notFound("the model lies in the folder 'a': pick picked/a itself"),
    );
  });
});

it("a store of the caller's own that cannot tell what it holds is said to lack the weights", async () => {
  const store: CheckpointFiles = {
    name: "mine",
    read: async (file) => new TextEncoder().encode(settings[file as keyof typeof settings]),
  };
  const files = {
    ...store,
    read: async (file: string) => (file in settings ? store.read(file, { optional: true }) : undefined),
  };
  await expect(parseCheckpoint(files)).rejects.toMatchObject(
    notFound(
      "mine: has no model.safetensors. There is no model.safetensors.index.json either. Weights are read as safetensors only",
    ),
  );
});

it.each([
  ["---\nbase_model: a/b\n---", ["a/b"]],
  ["---\r\nbase_model:\r\n- a/b\r\n- 'c/d' # why\r\ntags: [x]\r\n---\r\n", ["a/b", "c/d"]],
  ['---\ntags:\n- z\nbase_model: ["a/b", c/d]\n---\n', ["a/b", "c/d"]],
  ["---\nbase_model_relation: quantized\n---\n", []],
  ["base_model: a/b\n", []],
  ["---\nbase_model: a/b\n", []],
])("base models of the card %j", (text, models) => {
  expect(baseModelsOfCard(text)).toEqual(models);
});
