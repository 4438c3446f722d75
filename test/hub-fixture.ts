/** A local server that stands in for the Hub, with the demo model in several forms. It is new before each test. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach } from "vitest";
import { type FakeHub, type FakeModel, startHub } from "../packages/pipeline/test/fake-hub.js";
import { root } from "../scripts/workspace.mjs";
import { dog, runPptVit } from "./built.js";

export const pipeline = new URL("../packages/pipeline/dist/index.js", import.meta.url).href;
export const commit = "0123456789abcdef0123456789abcdef01234567";
export const id = "org/demo-model";

export const modelFile = (file: string) => readFileSync(join(root, "packages/demo-model/model", file));
export const weights = modelFile("model.safetensors");
export const files = Object.fromEntries(
  ["config.json", "preprocessor_config.json", "reduction.json", "verification.json", "model.safetensors"].map(
    (file) => [file, modelFile(file)],
  ),
);

export const converted = "89abcdef0123456789abcdef0123456789abcdef";
/** A model whose safetensors are only in the pull request of the Hub's converter. */
export function unconverted(): FakeModel {
  const { "model.safetensors": _, ...settings } = files;
  const own = { ...settings, "pytorch_model.bin": Buffer.from("PK") };
  const pullRequest = { num: 3, title: "Adding `safetensors` variant of this model", status: "open" };
  return {
    commit,
    files: own,
    discussions: [{ ...pullRequest, isPullRequest: true, author: { name: "SFconvertbot" } }],
    branches: { "refs/pr/3": { commit: converted, files: { ...own, ...files } } },
  };
}
export const notice = (model: string) =>
  `${model}: main has no safetensors; taking model.safetensors of refs/pr/3 at commit ${converted}`;

/** The same weights in two files with an index. */
export function sharded(): FakeModel["files"] {
  const headerBytes = Number(weights.readBigUInt64LE(0));
  const header: Record<string, { dtype: string; shape: number[]; data_offsets: [number, number] }> = JSON.parse(
    weights.toString("utf8", 8, 8 + headerBytes),
  );
  const tensors = Object.entries(header).filter(([name]) => name !== "__metadata__");
  const half = Math.floor(tensors.length / 2);
  const weight_map: Record<string, string> = {};
  const shard = (name: string, part: typeof tensors) => {
    let end = 0;
    const chunks: Uint8Array[] = [];
    const entries = part.map(([tensor, { data_offsets, ...entry }]) => {
      weight_map[tensor] = name;
      chunks.push(weights.subarray(8 + headerBytes + data_offsets[0], 8 + headerBytes + data_offsets[1]));
      const begin = end;
      end += data_offsets[1] - data_offsets[0];
      return [tensor, { ...entry, data_offsets: [begin, end] }];
    });
    const json = Buffer.from(JSON.stringify(Object.fromEntries(entries)));
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(json.length));
    return [name, Buffer.concat([length, json, ...chunks])] as const;
  };
  const first = shard("model-00001-of-00002.safetensors", tensors.slice(0, half));
  const second = shard("model-00002-of-00002.safetensors", tensors.slice(half));
  const { "model.safetensors": _, ...settings } = files;
  const index = Buffer.from(JSON.stringify({ metadata: {}, weight_map }));
  return { ...settings, ...Object.fromEntries([first, second]), "model.safetensors.index.json": index };
}

export let cache: string;
export let hub: FakeHub;
beforeEach(async () => {
  cache = mkdtempSync(join(tmpdir(), "ppt-vit-hub-"));
  hub = await startHub({
    [id]: { commit, files },
    "org/sharded": { commit, files: sharded() },
    "org/unconverted": unconverted(),
  });
});
afterEach(async () => {
  await hub.close();
  rmSync(cache, { recursive: true });
});

export const environment = () => ({ HF_ENDPOINT: hub.url, HF_HUB_CACHE: cache, NO_COLOR: "1" });
export const pptVit = (...args: string[]) => runPptVit(cache, args, environment());
export const classify = (...args: string[]) => pptVit("classify", "--json", "--top", "1", ...args, dog);
export const labelOf = (stdout: string): string => JSON.parse(stdout).images[0].labels[0].label;
