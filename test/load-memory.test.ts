/**
 * Tests the peak memory of loading a full-size checkpoint, in processes of their own. benchmarks/measures/load.mjs has
 * times.
 */
import { closeSync, mkdtempSync, openSync, rmSync, truncateSync, writeFileSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseModelConfig, sizeOf, weightShapes } from "@ppt-vit/core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { root, run } from "../scripts/workspace.mjs";

const config = {
  model_type: "vit",
  hidden_size: 384,
  num_hidden_layers: 12,
  num_attention_heads: 6,
  intermediate_size: 1536,
  image_size: 224,
  patch_size: 16,
  num_labels: 1000,
};
let folder: string;
let fileBytes: number;

/** DeiT-S's tensors, zeros except for the first value of each. The file is sparse, so writing it takes no time. */
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "ppt-vit-load-"));
  let end = 0;
  const begins: number[] = [];
  const header: Record<string, unknown> = {};
  for (const [name, shape] of Object.entries(weightShapes(parseModelConfig(config)))) {
    const begin = end;
    begins.push(begin);
    end += 4 * sizeOf(shape);
    header[name] = { dtype: "F32", shape, data_offsets: [begin, end] };
  }
  // This length leaves the data unaligned, which must not cost a copy.
  const json = JSON.stringify(header);
  const text = json.padEnd(json.length + ((4 - (json.length % 4)) % 4) + 1);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  writeFileSync(join(folder, "model.safetensors"), Buffer.concat([length, Buffer.from(text)]));
  fileBytes = 8 + text.length + end;
  const path = join(folder, "model.safetensors");
  truncateSync(path, fileBytes);
  const file = openSync(path, "r+");
  // The tensors differ, because equal ones would share their memory.
  begins.forEach((begin, i) => void writeSync(file, Float32Array.of(i + 1), 0, 4, 8 + text.length + begin));
  closeSync(file);
  writeFileSync(join(folder, "config.json"), JSON.stringify(config));
  const size = { height: 224, width: 224 };
  writeFileSync(join(folder, "preprocessor_config.json"), JSON.stringify({ do_resize: true, size }));
});
afterAll(() => rmSync(folder, { recursive: true }));

async function measure(...args: string[]): Promise<{ readonly peakBytes: number; readonly heldBytes: number }> {
  const cell = join(root, "benchmarks/load-cell.mjs");
  const { code, stdout, output } = await run(process.execPath, ["--expose-gc", cell, ...args]);
  expect(code, output).toBe(0);
  return JSON.parse(stdout);
}

// The peaks of docs/decisions/0023-memory-of-loading.md, with room for the collector of garbage, which comes when it likes.
test.each([
  { backend: "cpu", dtype: "fp32", most: 1.4, least: 0.9, held: 1.1 },
  { backend: "cpu", dtype: "q8", most: 2, least: 0.9, held: 1.1 },
  // The runtime maps the weights from files and lays them out for its products. JavaScript keeps none of them.
  { backend: "onnx-cpu", dtype: "fp32", most: 2, least: 0.9, held: 0.1 },
  { backend: "onnx-cpu", dtype: "q8", most: 1.7, least: 0.2, held: 0.1 },
])(
  "$backend, $dtype: less than $most times the file, then $held times",
  async ({ backend, dtype, most, least, held }) => {
    const empty = await measure("empty", backend);
    const loaded = await measure("load", backend, folder, dtype);
    const peak = (loaded.peakBytes - empty.peakBytes) / fileBytes;
    expect(fileBytes).toBeGreaterThan(80e6);
    expect(peak).toBeLessThan(most);
    // The loaded weights are in memory, so the measurement works.
    expect(peak).toBeGreaterThan(least);
    expect(loaded.heldBytes / fileBytes).toBeLessThan(held);
  },
);
