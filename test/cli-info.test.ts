/** Tests `ppt-vit info` as users call it: the cost of the paper's models, from their configuration alone. */
import { chmodSync, mkdirSync, readFileSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { encodeModel } from "../packages/backend-onnx/src/proto.js";
import { run } from "../scripts/workspace.mjs";
import { demoModel, main, runPptVit, temporaryFolder } from "./built.js";
import { runUnprivileged, whyNotUnprivileged } from "./unprivileged.js";

const folder = temporaryFolder("info");

async function info(config: object, files: Readonly<Record<string, object>> = {}) {
  for (const [name, content] of Object.entries({ "config.json": config, ...files }))
    writeFileSync(join(folder, name), JSON.stringify(content));
  const { code, stdout, output } = await run(process.execPath, [main, "info", folder, "--json"], {});
  for (const name of Object.keys(files)) rmSync(join(folder, name));
  expect(code, output).toBe(0);
  return JSON.parse(stdout).model;
}

const model = (model_type: string, hidden_size: number, num_hidden_layers: number, more: object = {}) => ({
  model_type,
  hidden_size,
  num_hidden_layers,
  num_attention_heads: hidden_size / 64,
  image_size: 224,
  patch_size: 16,
  num_labels: 1000,
  ...more,
});

test.each([
  ["DeiT-Ti", model("vit", 192, 12), "1.25", "0.80"],
  ["DeiT-S", model("vit", 384, 12), "4.60", "2.94"],
  ["DeiT-B", model("vit", 768, 12), "17.56", "11.26"],
])("the paper's table: %s", async (_name, config, unreduced, reduced) => {
  const published = { layers: [3, 6, 9], tokensRemoved: 50, threshold: 7e-5 };
  const { gmacs } = await info(config, { "reduction.json": published });
  expect([gmacs.unreduced.toFixed(2), gmacs.reduced.toFixed(2)]).toEqual([unreduced, reduced]);
});

test.each([
  [224, { layers: [3, 6, 9], tokensRemoved: 50, threshold: 7e-5 }, "published"],
  [384, { layers: [3, 6, 9], tokensRemoved: 147, threshold: 8.11e-6 }, "scaled"],
])("the default setting at %d pixels, and where it is from", async (image_size, reduction, reductionFrom) => {
  // Without weights nothing could be reduced. Their content is not read.
  const weights = { "model.safetensors": {} };
  expect(await info({ ...model("vit", 384, 12), image_size }, weights)).toMatchObject({ reduction, reductionFrom });
});

test("the bytes of the weights in the precision that is asked for, as an exported file has them", async () => {
  const told = async (dtype: string) =>
    (await runPptVit(folder, ["info", demoModel, "--dtype", dtype, "--json"])).stdout;
  const [fp32, q8] = [await told("fp32"), await told("q8")].map((text) => JSON.parse(text).model);
  expect(fp32.weights).toEqual({ dtype: "fp32", bytes: 4 * fp32.parameters, floatBytes: 4 * fp32.parameters });
  expect(q8.weights).toMatchObject({ dtype: "q8", floatBytes: fp32.weights.bytes });
  expect(q8.weights.bytes / q8.weights.floatBytes).toBeLessThan(0.27);
  expect((await runPptVit(folder, ["info", demoModel, "--dtype", "q8"])).stdout).toMatch(
    /weights +[\d.]+ MB in q8, in memory and, beside the graph, in an exported file; [\d.]+ MB in the memory of a backend without kernels/,
  );
});

test.each([
  ["LV-ViT-S", model("lvvit", 384, 16, { skip_lam: 2 }), "lvvit", "6.6", 26.2],
  ["LV-ViT-M", model("lvvit", 512, 20, { skip_lam: 2 }), "lvvit", "12.7", 55.8],
  ["T2T-ViT-14", model("t2t_vit", 384, 14), "t2t_vit", "4.8", 21.5],
  ["T2T-ViT-19", model("t2t_vit", 448, 19), "t2t_vit", "8.5", 39.2],
  ["T2T-ViT-24", model("t2t_vit", 512, 24), "t2t_vit", "13.7", 64.1],
  [
    "a model of timm",
    { architecture: "deit_small_patch16_224", num_classes: 1000 },
    "deit_small_patch16_224",
    "4.6",
    22.05,
  ],
])("%s", async (_name, config, family, gmacs, millions) => {
  const report = await info(config);
  expect(report.family).toBe(family);
  expect(report.gmacs.unreduced.toFixed(1)).toBe(gmacs);
  expect(report.parameters / 1e6).toBeCloseTo(millions, 1);
});

test("a DINOv2 costs what it costs at the size of its preprocessing", async () => {
  const dinov2 = model("dinov2", 384, 12, { image_size: 518, patch_size: 14, num_labels: undefined });
  const size = { height: 224, width: 224 };
  const report = await info(dinov2, { "preprocessor_config.json": { do_center_crop: true, crop_size: size } });
  expect(report.geometry).toMatchObject({ imageSize: [224, 224], tokens: 257 });
  expect(report.labels).toEqual([]);
});

describe("a file that cannot be told about is named, with what to do", () => {
  let broken: string;
  let file: string;
  beforeAll(() => {
    chmodSync(folder, 0o755);
    broken = join(folder, "broken");
    file = join(broken, "model.onnx");
  });
  beforeEach(() => mkdirSync(broken));
  afterEach(() => rmSync(broken, { recursive: true }));

  async function refused(): Promise<string> {
    const { code, stdout, output } = await run(process.execPath, [main, "info", broken], {});
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    return output;
  }

  test.each([
    ["{", "not valid JSON: "],
    ["{}", "version must be 1"],
    ['{"version":2}', "version 2 is unknown"],
    ['{"version":1,"reduction":null,"gmacs":{"unreduced":1,"reduced":1}}', "tokens must be"],
  ])("a record of %s", async (value, says) => {
    const graph = { name: "graph", node: [], initializer: [], input: [], output: [], valueInfo: [] };
    const opsetImport = [{ domain: "", version: 18 }];
    const metadataProps = [{ key: "ppt_vit", value }];
    writeFileSync(
      file,
      encodeModel({ irVersion: 8, producerName: "test", docString: "", opsetImport, graph, metadataProps }),
    );
    const output = await refused();
    expect(output).toContain(`${file}: metadata 'ppt_vit': ${says}`);
    expect(output).toMatch(/: export the model again \[INVALID_INPUT\]$/m);
  });

  test("more than 2 GiB", async () => {
    writeFileSync(file, "");
    truncateSync(file, 2 ** 31);
    expect(await refused()).toContain(`${file}: cannot be read (its 2.0 GiB are more than the 2 GiB`);
  });

  test.skipIf(process.platform === "win32")("a link to a folder", async () => {
    symlinkSync(broken, file);
    expect(await refused()).toContain(`${file}: cannot be read (it is no file) [NOT_FOUND]`);
  });

  test.skipIf(process.platform === "win32")("a link to nothing", async () => {
    symlinkSync(join(broken, "nothing"), file);
    expect(await refused()).toContain(`${file}: cannot be read (ENOENT) [NOT_FOUND]`);
  });

  test("no permission", ({ skip }) => {
    const reason = whyNotUnprivileged();
    skip(reason !== undefined, reason);
    for (const name of ["model.onnx", "config.json"]) {
      writeFileSync(join(broken, name), "{}", { mode: 0o000 });
      const { code, stderr } = runUnprivileged(["info", broken], folder);
      expect(stderr).toContain(`${join(broken, name)}: cannot be read (EACCES) [NOT_FOUND]`);
      expect(code).toBe(2);
      rmSync(join(broken, name));
    }
  });
});

describe("the demo model", () => {
  test("a checkpoint", async () => {
    const info = JSON.parse((await runPptVit(folder, ["info", "demo", "--json"])).stdout);
    expect(info).toMatchObject({ kind: "checkpoint", onnx: [], model: { reductionFrom: "reduction.json" } });
    expect(info.model.gmacs.unreduced).toBeCloseTo(1.254, 3);
    expect(info.model.blocks[9]).toMatchObject({ layer: 9, attentionTokens: 97, mlpTokens: 49 });
    expect(info.model.labels).toHaveLength(48);
    // The computed number of parameters equals that in the file.
    const file = readFileSync(join(demoModel, "model.safetensors"));
    const header = JSON.parse(file.subarray(8, 8 + Number(file.readBigUInt64LE())).toString());
    const stored = Object.entries(header as Record<string, { shape: number[] }>)
      .filter(([name]) => name !== "__metadata__")
      .reduce((sum, [, { shape }]) => sum + shape.reduce((a, b) => a * b, 1), 0);
    expect(info.model.parameters).toBe(stored);
  });

  test("for people", async () => {
    const { code, stdout } = await runPptVit(folder, ["info", "demo"]);
    expect(code).toBe(0);
    expect(stdout).toContain("12 blocks, width 192, 3 heads, MLP 768");
    expect(stdout).toContain("blocks 3, 6, 9, 50 tokens each, threshold 0.001 (reduction.json)");
    expect(stdout).toMatch(/^ +9 +97 +49 +0\.0324 +0\.1020$/m);
  });
});
