/** `ppt-vit info` as its users call it: the cost of the paper's models, from their configuration alone. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { root, run } from "../scripts/workspace.mjs";

const main = join(root, "packages/cli/dist/main.js");
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "ppt-vit-info-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

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
