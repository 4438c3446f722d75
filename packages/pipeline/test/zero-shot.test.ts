/** Tests CLIP's labels from text embeddings against transformers. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { hostTensor, type SafetensorsFile } from "@ppt-vit/core";
import { fromPretrained, parseTextEmbeddings, type TextEmbeddings } from "@ppt-vit/pipeline";
import { describe, expect, it } from "vitest";
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
    expect(labels.map(({ label }) => label)).toEqual(["a dog", "a teapot", "a cat"]);
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
    expect(labels[0]!.label).toBe("y");
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
