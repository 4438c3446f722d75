/** Checkpoints in several safetensors files, tied together by `model.safetensors.index.json`. Trusts none of them. */
import type { HostTensor } from "../backend.js";
import { PptError } from "../errors.js";
import { bytesCheck, check, checkArgument, shaped, text } from "../options.js";
import { show } from "../show.js";
import type { WeightSource } from "../vit/weights.js";
import { type Fail, fieldsOf, parseStrictJson, quote } from "./json.js";
import type { SafetensorsFile } from "./safetensors.js";

/** Which file holds which tensor. */
export interface SafetensorsIndex {
  /** Names of files beside the index, sorted. */
  readonly shards: readonly string[];
  /** The shard of each tensor. */
  readonly shardOf: ReadonlyMap<string, string>;
}

/** A file beside the index: no separators, no leading dot, so that no name leads out of the folder. */
const shardName = /^\w[\w.-]{0,199}\.safetensors$/;
/** Far above any published model. */
const mostShards = 1000;

/**
 * Reads an index: `{ "weight_map": { tensor: shard } }`. `name` starts each error's message.
 * @throws PptError INVALID_SAFETENSORS
 */
export function parseSafetensorsIndex(bytes: Uint8Array, name: string): SafetensorsIndex {
  checkArgument("parseSafetensorsIndex", "bytes", bytes, bytesCheck);
  checkArgument("parseSafetensorsIndex", "name", name, text);
  const fail = failing(name);
  const index = fieldsOf(parseStrictJson(bytes, "index", fail)) ?? fail("index is not a JSON object");
  const map = index.get("weight_map");
  const shardOf = new Map<string, string>();
  for (const [tensor, shard] of fieldsOf(map) ?? fail(`weight_map must be an object, got ${show(map)}`)) {
    if (typeof shard !== "string" || !shardName.test(shard))
      return fail(
        `tensor ${quote(tensor)} is said to be in ${show(shard)}: expected the name of a .safetensors file beside the index`,
      );
    shardOf.set(tensor, shard);
  }
  if (shardOf.size === 0) fail("weight_map names no tensor");
  const shards = [...new Set(shardOf.values())].sort();
  if (shards.length > mostShards) fail(`weight_map names ${shards.length} files, more than ${mostShards}`);
  return { shards, shardOf };
}

const isMap = (value: unknown): boolean => value instanceof Map;
const indexCheck = shaped("an index, as parseSafetensorsIndex() makes it", { shards: Array.isArray, shardOf: isMap });
const filesCheck = check("a Map of files, as parseSafetensors() makes them, by name", isMap);

/**
 * The tensors of all shards as one checkpoint. `name` is the index's, and starts each error's message.
 * @throws PptError INVALID_SAFETENSORS unless every tensor is in the shard that the index names, and in no other.
 */
export function joinShards(
  index: SafetensorsIndex,
  files: ReadonlyMap<string, SafetensorsFile>,
  name: string,
): WeightSource {
  checkArgument("joinShards", "index", index, indexCheck);
  checkArgument("joinShards", "files", files, filesCheck);
  checkArgument("joinShards", "name", name, text);
  const { shards, shardOf } = index;
  const fail = failing(name);
  for (const shard of shards) {
    const file = files.get(shard) ?? fail(`${quote(shard)} was not read`);
    for (const tensor of file.names) {
      const named = shardOf.get(tensor);
      if (named !== shard)
        fail(
          `tensor ${quote(tensor)} is in ${quote(shard)}, the index ${named === undefined ? "does not know it" : `says ${quote(named)}`}: the files do not belong together`,
        );
    }
  }
  for (const [tensor, shard] of shardOf)
    if (!files.get(shard)?.has(tensor))
      fail(`tensor ${quote(tensor)} is not in ${quote(shard)}, where the index says it is`);
  const fileOf = (tensor: string): SafetensorsFile =>
    files.get(shardOf.get(tensor) ?? fail(`holds no tensor ${quote(tensor)}`))!;
  return {
    has: (tensor) => shardOf.has(tensor),
    read: (tensor): HostTensor => fileOf(tensor).read(tensor),
  };
}

const failing =
  (name: string): Fail =>
  (message) => {
    throw new PptError("INVALID_SAFETENSORS", `${name}: ${message}`);
  };
