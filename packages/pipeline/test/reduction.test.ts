/** Tests which reduction a checkpoint gets: by name, from a file, over the checkpoint's own, and only for its checkpoint. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { modelFingerprint, parseModelConfig, type ReductionConfig, randomWeights, weightsFrom } from "@ppt-vit/core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Checkpoint, fromPretrained, readCheckpoint, readReduction, resolveReduction } from "../src/index.js";

const own: ReductionConfig = { layers: [1, 2], tokensRemoved: 3, threshold: "pool", proportionalAttention: false };
const published = { layers: [3, 6, 9], tokensRemoved: 50, threshold: 7e-5 };

let demo: Checkpoint;
let folder: string;
beforeAll(async () => {
  demo = await readCheckpoint("demo");
  folder = mkdtempSync(join(tmpdir(), "ppt-vit-reduction-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

function file(name: string, content: unknown): string {
  const path = join(folder, name);
  writeFileSync(path, typeof content === "string" ? content : JSON.stringify(content));
  return path;
}

describe("resolveReduction", () => {
  it("fills what is left out from the checkpoint's own settings, else from the published ones", () => {
    expect(resolveReduction({ ...demo, reduction: own }, { tokensRemoved: 4 })).toEqual({ ...own, tokensRemoved: 4 });
    const { reduction: _, ...without } = demo;
    expect(resolveReduction(without, undefined)).toEqual(published);
    expect(resolveReduction(demo, false)).toBe(undefined);
  });

  it("takes published settings by name", () => {
    expect(resolveReduction({ ...demo, reduction: own }, "deit-small-paper")).toEqual(published);
    expect(() => resolveReduction(demo, "deit-small")).toThrow(expect.objectContaining({ code: "INVALID_REDUCTION" }));
  });

  it("refuses settings made for another checkpoint, naming both", () => {
    const { config, weights } = demo;
    const model = { name: "./mine", fingerprint: modelFingerprint(config, weights) };
    expect(resolveReduction(demo, { ...published, model })?.model).toEqual(model);

    const config2 = parseModelConfig({ model_type: "vit", ...tiny });
    const other = { ...demo, name: "./other", config: config2, weights: weightsFrom(randomWeights(config2, 1)) };
    expect(() => resolveReduction(other, { ...published, model })).toThrow(
      /made for '\.\/mine' .*this model is '\.\/other'/,
    );
    // The checkpoint's own file is checked in the same way.
    expect(() => resolveReduction({ ...other, reduction: { ...own, model } }, undefined)).toThrow("made for './mine'");
  });
});

const tiny = {
  hidden_size: 16,
  num_hidden_layers: 2,
  num_attention_heads: 2,
  image_size: 16,
  patch_size: 4,
  num_labels: 3,
};

describe("modelFingerprint", () => {
  const config = parseModelConfig({ model_type: "vit", ...tiny });
  const fingerprint = (seed: number) => modelFingerprint(config, weightsFrom(randomWeights(config, seed)));

  it("is the same for the same weights and another for others", () => {
    expect(fingerprint(1)).toMatch(/^[0-9a-f]{16}$/);
    expect(fingerprint(1)).toBe(fingerprint(1));
    expect(fingerprint(1)).not.toBe(fingerprint(2));
  });

  it("sees a head that was trained anew", () => {
    const weights = randomWeights(config, 1);
    const bias = weights["head.bias"]!;
    const trained = { ...weights, "head.bias": { ...bias, data: bias.data.map((value) => value + 1e-3) } };
    expect(modelFingerprint(config, weightsFrom(trained))).not.toBe(fingerprint(1));
  });
});

describe("readReduction", () => {
  it("gives whole settings, so that nothing of the checkpoint's own comes between", () => {
    const path = file("reduction.json", { ...published, calibration: { pictures: 64 } });
    const whole = { ...published, policy: "ppt", proportionalAttention: true };
    expect(readReduction(path)).toEqual(whole);
    expect(readReduction("deit-base-paper")).toEqual(whole);
    expect(resolveReduction({ ...demo, reduction: own }, readReduction(path))).toEqual(whole);
  });

  it("skips a byte order mark, as editors on Windows write it", () => {
    const path = file("mark.json", `\ufeff${JSON.stringify(published)}`);
    expect(readReduction(path).layers).toEqual(published.layers);
  });

  it.each([
    ["a device without end", () => "/dev/zero", "INVALID_REDUCTION", "more than 1048576 bytes"],
    [
      "a missing file",
      () => "./nowhere/reduction.json",
      "NOT_FOUND",
      "nowhere/reduction.json: cannot be read (ENOENT)",
    ],
    ["a folder", () => `${folder}/`, "NOT_FOUND", "cannot be read (EISDIR)"],
    ["text", () => file("text.json", "layers: 3"), "INVALID_REDUCTION", "text.json: "],
    [
      "a wrong field",
      () => file("wrong.json", { ...published, layer: 3 }),
      "INVALID_REDUCTION",
      "unknown field 'layer'",
    ],
    ["a name that is none", () => "tome", "INVALID_REDUCTION", 'no preset is called "tome"'],
  ])("refuses %s", (_name, source, code, message) => {
    expect(() => readReduction(source())).toThrow(message);
    expect(() => readReduction(source())).toThrow(expect.objectContaining({ code }));
  });
});

describe("fromPretrained", () => {
  it("takes a path", async () => {
    const path = file("evit.json", { layers: [3], tokensRemoved: { share: 0.5 }, policy: "evit" });
    const classifier = await fromPretrained("demo", { reduction: path });
    expect(classifier.tokens).toEqual([197, 99]);
    const { stages } = await classifier.classify(new URL("../../demo-model/samples/000_dog.png", import.meta.url));
    expect(stages.map(({ policy }) => policy)).toEqual(["fuse"]);
    await classifier.dispose();
  });

  it("rejects, and does not throw, where the file is missing", async () => {
    await expect(fromPretrained("demo", { reduction: "./none.json" })).rejects.toMatchObject({ code: "NOT_FOUND" });
  });
});
