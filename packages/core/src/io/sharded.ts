/** Reads checkpoints in several safetensors files, which `model.safetensors.index.json` lists. Checks all of them. */

import { PptError } from "../errors.js";
import { bytesCheck, check, checkArgument, shaped, text } from "../options.js";
import type { HostTensor } from "../seam.js";
import { show } from "../show.js";
import type { WeightSource } from "../vit/stored-names.js";
import { type Fail, fieldsOf, parseStrictPythonJson, quote } from "./json.js";
import type { SafetensorsFile } from "./safetensors.js";

/** Which file holds which tensor. */
export interface SafetensorsIndex {
  /** Sorted names of files in the folder of the index. */
  readonly shards: readonly string[];
  /** The shard of each tensor. */
  readonly shardOf: ReadonlyMap<string, string>;
}

/** A file in the folder of the index. Without separators and a leading dot no name leads out of that folder. */
const shardName = /^\w[\w.-]{0,199}\.safetensors$/;
/** Far above any published model. */
const mostShards = 1000;

/**
 * Reads an index: `{ "weight_map": { tensor: shard } }`. Each error's message begins with `name`.
 * @throws PptError INVALID_SAFETENSORS
 */
export function parseSafetensorsIndex(bytes: Uint8Array, name: string): SafetensorsIndex {
  checkArgument("parseSafetensorsIndex", "bytes", bytes, bytesCheck);
  checkArgument("parseSafetensorsIndex", "name", name, text);
  const fail = failing(name);
  const index = fieldsOf(parseStrictPythonJson(bytes, "index", fail)) ?? fail("index is not a JSON object");
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

/** The tensors of several files as one checkpoint. */
export interface ShardedWeights extends WeightSource {
  /** Sorted names of the tensors that the files hold. Tensors that only the index names are not among them. */
  readonly names: readonly string[];
}
const isMap = (value: unknown): boolean => value instanceof Map;
const indexCheck = shaped("an index, as parseSafetensorsIndex() makes it", { shards: Array.isArray, shardOf: isMap });
const filesCheck = check("a Map of files, as parseSafetensors() makes them, by name", isMap);

/**
 * The tensors of all shards as one checkpoint. `name` is the index's name, and each error's message begins with it. If the
 * index does not list a tensor, the shard that holds it is read, as in transformers. If index and shards disagree about a
 * tensor, reading that tensor is an error. If nothing reads it, there is no error.
 * @throws PptError INVALID_SAFETENSORS if a shard was not read. `read` throws it if the tensor is missing, if it is not in the
 * shard that the index names, or if two shards hold it with different values
 */
export function joinShards(
  index: SafetensorsIndex,
  files: ReadonlyMap<string, SafetensorsFile>,
  name: string,
): ShardedWeights {
  checkArgument("joinShards", "index", index, indexCheck);
  checkArgument("joinShards", "files", files, filesCheck);
  checkArgument("joinShards", "name", name, text);
  const { shards, shardOf } = index;
  const fail = failing(name);
  const holders = new Map<string, string[]>();
  for (const shard of shards) {
    const file = files.get(shard) ?? fail(`${quote(shard)} was not read`);
    for (const tensor of file.names) {
      const others = holders.get(tensor);
      if (others) others.push(shard);
      else holders.set(tensor, [shard]);
    }
  }
  const fileOf = (tensor: string): SafetensorsFile => {
    const holding = holders.get(tensor) ?? [];
    const named = shardOf.get(tensor) ?? holding[0] ?? fail(`holds no tensor ${quote(tensor)}`);
    if (!holding.includes(named))
      fail(
        `tensor ${quote(tensor)} is not in ${quote(named)}, where the index says it is${holding[0] === undefined ? "" : `, but in ${quote(holding[0])}`}: the files do not belong together`,
      );
    const file = files.get(named)!;
    const another = holding.find((shard) => shard !== named && !isSameTensor(tensor, file, files.get(shard)!));
    if (another !== undefined)
      fail(
        `tensor ${quote(tensor)} is in ${quote(named)} and, with other values, in ${quote(another)}: the files do not belong together`,
      );
    return file;
  };
  return {
    names: [...holders.keys()].sort(),
    // A tensor that only the index names counts as present, so that reading it gives the error that says what is wrong.
    has: (tensor) => shardOf.has(tensor) || holders.has(tensor),
    read: (tensor): HostTensor => fileOf(tensor).read(tensor),
    readBriefly: (tensor) => fileOf(tensor).readBriefly(tensor),
  };
}

function isSameTensor(tensor: string, one: SafetensorsFile, other: SafetensorsFile): boolean {
  if (one.dtype(tensor) !== other.dtype(tensor) || String(one.shape(tensor)) !== String(other.shape(tensor)))
    return false;
  const [bytes, others] = [one.bytes(tensor), other.bytes(tensor)];
  return bytes.every((byte, i) => byte === others[i]);
}

const failing =
  (name: string): Fail =>
  (message) => {
    throw new PptError("INVALID_SAFETENSORS", `${name}: ${message}`);
  };
