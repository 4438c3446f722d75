/** Tests checkpoints whose processor gives each picture a size of its own, as DPT's does. */
import { cpSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createCpuBackend } from "@ppt-vit/backend-cpu";
import { type Backend, parseModelConfig, randomWeights } from "@ppt-vit/core";
import { type Classification, fromPretrained, type ImageClassifier, isFailure } from "@ppt-vit/pipeline";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { safetensorsFile } from "../../../test/safetensors-file.js";
import { vitFolder } from "./fixtures.js";

let home: string;
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "ppt-vit-sizes-"));
});
afterAll(() => rm(home, { recursive: true }));

/** The fixture, which has patches of 8 x 8 pixels, with another preprocessing. */
function withProcessor(name: string, fields: object): string {
  const folder = join(home, name);
  cpSync(vitFolder, folder, { recursive: true });
  writeFileSync(
    join(folder, "preprocessor_config.json"),
    JSON.stringify({ image_processor_type: "DPTImageProcessor", size: { height: 32, width: 32 }, ...fields }),
  );
  return folder;
}
const keeping = { keep_aspect_ratio: true, ensure_multiple_of: 8 };

/** A picture whose every pixel differs. */
function drawn(width: number, height: number): Promise<Uint8Array> {
  const data = Uint8Array.from({ length: 3 * width * height }, (_, i) => (i * 2654435761) >>> 24);
  return sharp(data, { raw: { width, height, channels: 3 } })
    .png()
    .toBuffer();
}

/** The CPU backend, and the sizes for which it compiled and disposed models. */
function watched() {
  const events: string[] = [];
  const backend = createCpuBackend();
  const watching: Backend = {
    ...backend,
    async compile(program, options) {
      const size = options.inputs.pixel_values!.slice(2).join("x");
      events.push(size);
      const executable = await backend.compile(program, options);
      return {
        ...executable,
        async dispose() {
          events.push(`-${size}`);
          await executable.dispose();
        },
      };
    },
  };
  return { backend: watching, events };
}

async function collect(classifier: ImageClassifier, inputs: readonly Uint8Array[], batch: number) {
  const results = [];
  for await (const result of classifier.classifyAll(inputs, { batch })) results.push(result);
  return results;
}

describe("pictures with sizes of their own", () => {
  const reduction = { layers: [0, 1], tokensRemoved: { share: 0.25 }, threshold: "pool" } as const;

  it("run at the size that the processor makes, several of one size together", async () => {
    const folder = withProcessor("kept", keeping);
    const { backend, events } = watched();
    const classifier = await fromPretrained(folder, { backend, reduction, trace: true });
    expect([classifier.patches, classifier.tokens]).toEqual([
      [4, 4],
      [17, 13, 10],
    ]);
    const inputs = await Promise.all([drawn(40, 30), drawn(30, 60), drawn(80, 61), drawn(9, 9)]);
    const results = (await collect(classifier, inputs, 4)) as Classification[];
    await classifier.dispose();
    expect(results.map(({ patches }) => patches)).toEqual([
      [4, 5],
      [8, 4],
      [4, 5],
      [4, 4],
    ]);
    expect(results.map(({ image }) => [image!.height, image!.width])).toEqual([
      [32, 40],
      [64, 32],
      [32, 40],
      [32, 32],
    ]);
    expect(results.map(({ stages }) => stages[0]!.tokenOfPatch!.length)).toEqual([20, 32, 20, 16]);
    expect(results.map(({ input }) => input)).toEqual(inputs);
    expect(events).toEqual(["32x40", "64x32", "32x32", "-32x40", "-64x32", "-32x32"]);

    for (const [i, imageSize] of (
      [
        [32, 40],
        [64, 32],
        [32, 40],
        [32, 32],
      ] as const
    ).entries()) {
      const fixed = await fromPretrained(folder, { backend: "cpu", reduction, imageSize });
      expect((await fixed.classify(inputs[i]!)).logits).toEqual(results[i]!.logits);
      await fixed.dispose();
    }
  });

  it("are reduced by the default of their own number of patches", async () => {
    const folder = withProcessor("default", keeping);
    const json = { model_type: "vit", image_size: 32, patch_size: 8, hidden_size: 8, num_hidden_layers: 10 };
    const config = { ...json, num_attention_heads: 2, intermediate_size: 8, num_labels: 2 };
    writeFileSync(join(folder, "config.json"), JSON.stringify(config));
    const weights = randomWeights(parseModelConfig(config), 1);
    writeFileSync(join(folder, "model.safetensors"), safetensorsFile(weights));
    const input = await drawn(32, 64);
    const stagesOf = async (options: object) => {
      const classifier = await fromPretrained(folder, { backend: "cpu", ...options });
      const { stages } = await classifier.classify(input);
      await classifier.dispose();
      return stages;
    };
    const own = await stagesOf({});
    expect(own.map(({ tokensIn }) => tokensIn)[0]).toBe(33);
    expect(own).toEqual(await stagesOf({ imageSize: [64, 32] }));
    // Shares of 32 patches, not of the checkpoint's 16.
    expect(own[0]!.tokensIn - own[0]!.tokensOut).toBeGreaterThan(4);
  });

  it("keep four models, those used last", async () => {
    const { backend, events } = watched();
    const classifier = await fromPretrained(withProcessor("many", keeping), { backend, reduction: false });
    const inputs = await Promise.all([8, 16, 24, 40, 8, 48, 16, 8].map((width) => drawn(width, 32)));
    await collect(classifier, inputs, 1);
    expect(events).toEqual(["32x8", "32x16", "32x24", "32x40", "-32x16", "32x48", "-32x24", "32x16"]);
    events.length = 0;
    await classifier.dispose();
    expect(events.sort()).toEqual(["-32x16", "-32x40", "-32x48", "-32x8"]);
    await expect(classifier.classify(inputs[0]!)).rejects.toMatchObject({ code: "DISPOSED" });
  });

  it("may be padded instead", async () => {
    const folder = withProcessor("padded", { do_resize: false, do_pad: true, size_divisor: 8 });
    const classifier = await fromPretrained(folder, { backend: "cpu", reduction: false, trace: true });
    const { image, patches } = await classifier.classify(await drawn(33, 12));
    await classifier.dispose();
    expect([image!.height, image!.width, patches]).toEqual([16, 40, [2, 5]]);
    // One size for all is a resize.
    const fixed = await fromPretrained(folder, { backend: "cpu", reduction: false, trace: true, imageSize: 24 });
    const small = await fixed.classify(await drawn(33, 12));
    await fixed.dispose();
    expect([small.image!.height, small.image!.width, small.patches]).toEqual([24, 24, undefined]);
  });

  it("compile one model first where it is verified, and use it", async () => {
    const { backend, events } = watched();
    const options = { backend: { ...backend, name: "watched" }, reduction: false, verify: true } as const;
    const classifier = await fromPretrained(withProcessor("verified", keeping), options);
    expect(classifier.verification).toMatchObject({ against: "cpu backend" });
    await classifier.classify(await drawn(9, 9));
    await classifier.dispose();
    expect(events).toEqual(["32x32", "-32x32"]);
  });

  it("fail one by one where no model fits them", async () => {
    const folder = withProcessor("large", { ...keeping, size: { height: 320, width: 8 } });
    const classifier = await fromPretrained(folder, { backend: "cpu", reduction: false });
    const inputs = await Promise.all([drawn(8, 8), drawn(7000, 2), drawn(6000, 300), drawn(8, 8)]);
    const results = await collect(classifier, inputs, 4);
    await classifier.dispose();
    expect(results.map((result) => isFailure(result) && [result.error.code, result.error.message])).toEqual([
      false,
      ["INVALID_IMAGE", expect.stringContaining("7000x2 would become 8x0")],
      [
        "INVALID_IMAGE",
        expect.stringMatching(
          /becomes 320 x 6400 pixels: 32000 patches are more than .*: choose one size for all pictures with imageSize \(--image-size\)$/,
        ),
      ],
      false,
    ]);
  });

  it.each([
    { name: "no unit", fields: { keep_aspect_ratio: true }, says: "leaves the size to the picture" },
    { name: "another unit", fields: { ...keeping, ensure_multiple_of: 12 }, says: "leaves the size to the picture" },
  ])("are refused where patches may not fill them: $name", async ({ name, fields, says }) => {
    const folder = withProcessor(name, fields);
    await expect(fromPretrained(folder, { backend: "cpu" })).rejects.toMatchObject({
      code: "INVALID_CONFIG",
      message: expect.stringContaining(says),
    });
    const fixed = await fromPretrained(folder, { backend: "cpu", reduction: false, imageSize: 32 });
    await fixed.dispose();
  });

  it("have weights that are checked at once", async () => {
    const folder = withProcessor("broken", keeping);
    const config = { model_type: "vit", image_size: 32, patch_size: 8, hidden_size: 32, num_hidden_layers: 9 };
    writeFileSync(join(folder, "config.json"), JSON.stringify({ ...config, num_attention_heads: 2 }));
    await expect(fromPretrained(folder, { backend: "cpu", reduction: false })).rejects.toMatchObject({
      code: "INVALID_WEIGHTS",
    });
  });
});
