/** Tests labels from text embeddings: CLIP's against transformers, SigLIP's against its formula. */
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { goldenUrl } from "@ppt-vit/conformance";
import { hostTensor, type SafetensorsFile } from "@ppt-vit/core";
import { fromPretrained, parseTextEmbeddings, type TextEmbeddings } from "@ppt-vit/pipeline";
import { afterAll, describe, expect, it } from "vitest";
import { clipFolder, expectClose, expectedOf, picture, vitFolder } from "./fixtures.js";

const bytes = readFileSync(join(clipFolder, "text_embeddings.safetensors"));
const texts = parseTextEmbeddings(bytes);
const expected: SafetensorsFile = expectedOf("clip");

describe("zero-shot labels", () => {
  it.each(["cpu", "onnx-cpu", "tfjs-wasm"])("are transformers' on %s", async (backend) => {
    const classifier = await fromPretrained(clipFolder, { backend, reduction: false });
    expect(classifier.labels).toEqual(["a cat", "a dog", "a teapot"]);
    const { logits, labels } = await classifier.classify(picture);
    await classifier.dispose();
    expectClose(logits, expected.read("32x32.logits_per_image").data);
    const probabilities = expected.read("32x32.probabilities").data;
    expect(labels.map(({ label }) => label)).toEqual(["a teapot", "a dog", "a cat"]);
    expectClose(
      labels.map(({ probability }) => probability!),
      labels.map(({ index }) => probabilities[index]!),
    );
  });

  it("come from what the caller gives, whatever the lengths of the embeddings", async () => {
    const { shape, data } = texts.embeddings;
    const textEmbeddings: TextEmbeddings = {
      labels: ["x", "y", "z"],
      embeddings: { shape, data: data.map((value) => 3 * value) },
      logitScale: 2 * texts.logitScale,
    };
    const classifier = await fromPretrained(clipFolder, { reduction: false, textEmbeddings });
    const { logits, labels } = await classifier.classify(picture, { topK: 1 });
    await classifier.dispose();
    expect(labels[0]!.label).toBe("z");
    expectClose(
      logits,
      expected.read("32x32.logits_per_image").data.map((logit) => 2 * logit),
    );
  });

  it("are there with PPT too", async () => {
    const classifier = await fromPretrained(clipFolder, {
      reduction: { layers: [0, 1], tokensRemoved: 4, threshold: "pool" },
    });
    const { stages, labels } = await classifier.classify(picture);
    await classifier.dispose();
    expect(stages.map(({ tokensOut }) => tokensOut)).toEqual([13, 9]);
    expect(labels.reduce((sum, { probability }) => sum + probability!, 0)).toBeCloseTo(1, 6);
  });

  it("are refused where they do not fit the model", async () => {
    const narrow = { ...texts, embeddings: hostTensor([3, 8], (i) => i + 1) };
    await expect(fromPretrained(clipFolder, { textEmbeddings: narrow })).rejects.toMatchObject({
      code: "INVALID_CONFIG",
      message: expect.stringContaining("are 8 wide, the model's image embeddings 24"),
    });
    await expect(fromPretrained(vitFolder, { textEmbeddings: texts })).rejects.toMatchObject({
      code: "INVALID_OPTION",
      message: expect.stringContaining("for CLIP"),
    });
    const fewer = { ...texts, labels: ["a", "b"] };
    await expect(fromPretrained(clipFolder, { textEmbeddings: fewer })).rejects.toMatchObject({
      code: "INVALID_CONFIG",
      message: expect.stringContaining("[3,24] with 72 values does not have a row for each of the 2 labels"),
    });
  });
});

describe("SigLIP's labels", () => {
  const folder = mkdtempSync(join(tmpdir(), "ppt-siglip-"));
  const golden = new URL("modern/siglip/", goldenUrl);
  for (const file of ["config.json", "model.safetensors"]) copyFileSync(new URL(file, golden), join(folder, file));
  writeFileSync(
    join(folder, "preprocessor_config.json"),
    JSON.stringify({ image_processor_type: "SiglipImageProcessor", size: { height: 32, width: 32 } }),
  );
  afterAll(() => rmSync(folder, { recursive: true }));

  const textEmbeddings: TextEmbeddings = {
    labels: ["a", "b"],
    embeddings: hostTensor([2, 32], (i) => Math.sin(i + 1)),
    logitScale: 5,
    logitBias: -1.5,
  };

  it("are sigmoids of scaled cosines and the bias, with PPT too", async () => {
    const reduction = { layers: [1, 2], tokensRemoved: 12, threshold: "pool" } as const;
    const extractor = await fromPretrained(folder, { task: "image-feature-extraction", reduction });
    const image = await extractor.embed(picture, { pooling: "attention" });
    expect(await extractor.embed(picture)).toEqual(image);
    await extractor.dispose();
    const classifier = await fromPretrained(folder, { textEmbeddings, reduction });
    const { logits, labels, stages, problem } = await classifier.classify(picture);
    await classifier.dispose();
    const length = (x: Float32Array) => Math.hypot(...x);
    const wanted = [0, 1].map((row) => {
      const text = textEmbeddings.embeddings.data.subarray(row * 32, (row + 1) * 32);
      return 5 * (text.reduce((sum, v, i) => sum + v * image[i]!, 0) / length(text) / length(image)) - 1.5;
    });
    expectClose(logits, wanted);
    expect(stages.map(({ tokensOut }) => tokensOut)).toEqual([52, 40]);
    expect(problem).toBe("multi-label");
    for (const { index, probability } of labels)
      expect(probability).toBeCloseTo(1 / (1 + Math.exp(-wanted[index]!)), 6);
  });

  it("need the bias, which CLIP's must not have", async () => {
    const { logitBias, ...unbiased } = textEmbeddings;
    await expect(fromPretrained(folder, { textEmbeddings: unbiased })).rejects.toThrow("have no logit_bias");
    await expect(fromPretrained(clipFolder, { textEmbeddings: { ...texts, logitBias } })).rejects.toThrow(
      "have a logit_bias",
    );
    await expect(
      fromPretrained(folder, { textEmbeddings: { ...textEmbeddings, logitBias: Number.NaN } }),
    ).rejects.toThrow("the logit bias is NaN");
  });
});

describe("errors about text embeddings", () => {
  it("begin with the file's name, also where they do not fit the model", async () => {
    const named = parseTextEmbeddings(bytes, "texts/mine.safetensors");
    const narrow = { ...named, embeddings: hostTensor([3, 8], (i) => i + 1) };
    await expect(fromPretrained(clipFolder, { textEmbeddings: narrow })).rejects.toThrow(
      "texts/mine.safetensors: are 8 wide",
    );
    await expect(fromPretrained(vitFolder, { textEmbeddings: named })).rejects.toThrow("texts/mine.safetensors: text");
  });

  it.each([
    [{ logitBias: 3e38 }, "the logit bias is 3e+38, expected logit_bias of the checkpoint: from -10000 to 10000"],
    [{ logitBias: Number.NEGATIVE_INFINITY }, "the logit bias is -Infinity"],
    [{ logitScale: 3e38 }, "the logit scale is 3e+38"],
    [{ logitScale: 0 }, "the logit scale is 0"],
  ])("name numbers that no checkpoint has: %o", async (wrong, says) => {
    const textEmbeddings = { ...texts, ...wrong };
    await expect(fromPretrained(clipFolder, { textEmbeddings, reduction: false })).rejects.toMatchObject({
      code: "INVALID_CONFIG",
      message: expect.stringContaining(says),
    });
  });

  it("come after those about weights, since making texts for a broken file would be in vain", async () => {
    const folder = mkdtempSync(join(tmpdir(), "ppt-headless-"));
    for (const file of ["config.json", "preprocessor_config.json"])
      copyFileSync(join(clipFolder, file), join(folder, file));
    const whole = readFileSync(join(clipFolder, "model.safetensors")).toString("latin1");
    const cut = whole.replace("post_layernorm.weight", "text_layernorm.weight");
    writeFileSync(join(folder, "model.safetensors"), Buffer.from(cut, "latin1"));
    await expect(fromPretrained(folder, { reduction: false })).rejects.toMatchObject({
      code: "INVALID_WEIGHTS",
      message: expect.stringMatching(/ppt-headless-.*: weights: tensor '.*post_layernorm\.weight' is missing/),
    });
    rmSync(folder, { recursive: true });
  });
});

describe("parseTextEmbeddings", () => {
  /** The same file with other text in its header, padded to the same length. */
  function withHeader(change: (header: string) => string): Uint8Array {
    const length = Number(bytes.readBigUInt64LE(0));
    const header = change(bytes.toString("utf8", 8, 8 + length)).trimEnd();
    const padded = Buffer.from(header.padEnd(Math.max(length, 8 * Math.ceil(header.length / 8))));
    const size = Buffer.alloc(8);
    size.writeBigUInt64LE(BigInt(padded.length));
    return Buffer.concat([size, padded, bytes.subarray(8 + length)]);
  }

  it("reads labels, embeddings and the scale", () => {
    expect(texts.labels).toEqual(["a cat", "a dog", "a teapot"]);
    expect(texts.embeddings.shape).toEqual([3, 24]);
    expect(texts.logitScale).toBeCloseTo(Math.exp(2.6592), 4);
  });

  it.each([
    { change: (header: string) => header.replace('"labels":', '"names":'), says: "has no metadata 'labels'" },
    {
      change: (header: string) => header.replace('[\\"a cat\\",', '{\\"a cat\\":1,'),
      says: "'labels' is no JSON list of names",
    },
    { change: (header: string) => header.replace('\\"a dog\\", ', ""), says: "for each of the 2 labels" },
    { change: (header: string) => header.replace("logit_scale", "logit_skale"), says: "logit_scale" },
    { change: (header: string) => header.replace("text_embeds", "text_embedz"), says: "text_embeds" },
  ])("refuses a file that $says", ({ change, says }) => {
    const parse = () => parseTextEmbeddings(withHeader(change), "texts.safetensors");
    expect(parse).toThrow(`texts.safetensors: `);
    expect(parse).toThrow(says);
  });
});
