import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { demoSamplesUrl } from "@ppt-vit/demo-model";
import { type Classification, fromPretrained, type ImageClassifier, isFailure } from "@ppt-vit/pipeline";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const folder = fileURLToPath(demoSamplesUrl);
const files = readdirSync(folder).map((name) => folder + name);

describe("classifyAll", () => {
  let classifier: ImageClassifier;
  beforeAll(async () => {
    // The only backend on which a picture's result is the same bits in any batch.
    classifier = await fromPretrained("demo", { backend: "cpu" });
  });
  afterAll(() => classifier.dispose());

  async function collect(inputs: string[], batch: number) {
    const results = [];
    for await (const result of classifier.classifyAll(inputs, { batch, topK: 2 })) results.push(result);
    return results;
  }

  it("gives a picture the same bits alone and in any batch", async () => {
    const five = files.slice(0, 5);
    const alone = (await collect(five, 1)) as Classification[];
    for (const batch of [2, 5]) {
      const together = (await collect(five, batch)) as Classification[];
      together.forEach((result, i) => {
        expect(result.logits).toEqual(alone[i]!.logits);
        expect(result.stages).toEqual(alone[i]!.stages);
      });
    }
    const backwards = (await collect(five.toReversed(), 3)) as Classification[];
    backwards.toReversed().forEach((result, i) => void expect(result.logits).toEqual(alone[i]!.logits));
  });

  it("keeps the order of its inputs and goes on past bad ones", async () => {
    const results = await collect([files[0]!, "missing.png", files[1]!, fileURLToPath(import.meta.url)], 2);
    expect(results.map((result) => (isFailure(result) ? result.error.code : "ok"))).toEqual([
      "ok",
      "NOT_FOUND",
      "ok",
      "INVALID_IMAGE",
    ]);
    expect(results.map((result) => result.input)).toEqual([
      files[0],
      "missing.png",
      files[1],
      fileURLToPath(import.meta.url),
    ]);
  });

  it("takes batches of nothing but bad pictures", async () => {
    const results = await collect(["a.png", "b.png"], 2);
    expect(results.every(isFailure)).toBe(true);
  });

  it("yields nothing for no inputs", async () => {
    expect(await collect([], 4)).toEqual([]);
  });

  it("stops when aborted", async () => {
    const controller = new AbortController();
    const run = async () => {
      for await (const _ of classifier.classifyAll(files, { signal: controller.signal })) controller.abort();
    };
    await expect(run()).rejects.toMatchObject({ name: "AbortError" });
  });

  it.each([{ topK: 0 }, { batch: 0 }, { batch: 1.5 }, { topK: Number.NaN }])("refuses %o", async (options) => {
    await expect(classifier.classifyAll(files, options).next()).rejects.toMatchObject({ code: "INVALID_OPTION" });
  });
});
