/** Damaged checkpoints: the project's small ones, with faults that a seed decides. */
import { readFileSync } from "node:fs";
import { parseSafetensors } from "@ppt-vit/core";
import type { CheckpointFiles } from "@ppt-vit/pipeline";
import { mutated, pick, type Random, randomOf } from "./mutate.js";

type Files = Readonly<Record<string, Uint8Array>>;

export interface MutatedCheckpoint {
  /** Which checkpoint it is, and what was changed. */
  readonly name: string;
  readonly files: CheckpointFiles;
  readonly task: "image-classification" | "image-feature-extraction";
}

const packages = new URL("../../packages/", import.meta.url);
const bytesOf = (path: string): Uint8Array => readFileSync(new URL(path, packages));
const json = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));

const configFile = "config.json";
const weightsFile = "model.safetensors";
const indexFile = "model.safetensors.index.json";
const shards = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"] as const;

const reduction = json({ layers: [0, 1], tokensRemoved: [2, { share: 0.2 }], threshold: 7e-5 });
const verification = json([{ seed: 1, reduction: null, logits: [0.1, 0.2, 0.3, 0.4] }]);
const shared = { "reduction.json": reduction, "verification.json": verification };

/** A checkpoint of the pipeline's fixtures, with the preprocessing that transformers wrote. */
const fixture = (name: string): Files => ({
  ...shared,
  ...Object.fromEntries(
    [configFile, "preprocessor_config.json", weightsFile].map((file) => [
      file,
      bytesOf(`pipeline/fixtures/${name}/${file}`),
    ]),
  ),
});

/** A checkpoint of core's families, which have no preprocessing. */
function family(name: string): Files {
  const config = bytesOf(`core/fixtures/families/${name}.json`);
  const { image_size, vision_config } = JSON.parse(new TextDecoder().decode(config));
  const side = image_size ?? vision_config.image_size;
  const preprocessing = {
    image_processor_type: "ViTImageProcessor",
    size: { height: side, width: side },
    resample: 2,
    image_mean: [0.5, 0.5, 0.5],
    image_std: [0.5, 0.5, 0.5],
  };
  return {
    ...shared,
    [configFile]: config,
    "preprocessor_config.json": json(preprocessing),
    [weightsFile]: weightsOf(bytesOf(`core/fixtures/families/${name}.safetensors`)),
  };
}

/** The weights of a family's file, which stores them under a prefix, beside the model's outputs. */
function weightsOf(bytes: Uint8Array): Uint8Array {
  const file = parseSafetensors(bytes);
  const header: Record<string, object> = {};
  const parts: Uint8Array[] = [];
  let end = 0;
  for (const name of file.names.filter((name) => name.startsWith("weights."))) {
    const part = file.bytes(name);
    const begin = end;
    end += part.length;
    header[name.slice("weights.".length)] = {
      dtype: file.dtype(name),
      shape: file.shape(name),
      data_offsets: [begin, end],
    };
    parts.push(part);
  }
  return withHeader(json(header), Buffer.concat(parts));
}

function withHeader(header: Uint8Array, data: Uint8Array): Uint8Array {
  const file = new Uint8Array(8 + header.length + data.length);
  new DataView(file.buffer).setBigUint64(0, BigInt(header.length), true);
  file.set(header, 8);
  file.set(data, 8 + header.length);
  return file;
}

const headerBytesOf = (bytes: Uint8Array): number =>
  Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));

/** The same weights under an index. Both files hold all weights. */
function sharded({ [weightsFile]: weights, ...rest }: Files): Files {
  const { names } = parseSafetensors(weights!);
  const weight_map = Object.fromEntries(names.map((name, i) => [name, shards[i % 2]]));
  return { ...rest, [indexFile]: json({ metadata: {}, weight_map }), [shards[0]]: weights!, [shards[1]]: weights! };
}

/** A config in timm's format. The weights belong to another model, so most loads end at the weights. */
const timm = (): Files => ({
  ...shared,
  [configFile]: json({
    architecture: "vit_tiny_patch16_224",
    num_classes: 4,
    global_pool: "token",
    label_names: ["a", "b", "c", "d"],
    model_args: { img_size: 32 },
    pretrained_cfg: {
      input_size: [3, 32, 32],
      crop_pct: 0.9,
      interpolation: "bicubic",
      mean: [0.5, 0.5, 0.5],
      std: [0.5, 0.5, 0.5],
    },
  }),
  [weightsFile]: bytesOf("core/fixtures/families/timm-vit.safetensors"),
});

/** Values that readers may not expect. */
const strange = (random: Random): unknown =>
  pick(
    [
      ...[null, true, false, 0, -0, -1, 1, 2, 3, 7, 0.5, 1e-320, 1e308, -1e308, 2 ** 31, 2 ** 53, 65536, 4096, 1000],
      ...["", "0", "32", "NaN", "__proto__", "constructor", "gelu", "vit", "x".repeat(5000), "\0\u001b[2J"],
      ...[[], {}, [[]], [1], [32, 32], [1, 2, 3], [null], { height: 1e9, width: 1 }, { shortest_edge: 1e6 }],
      ...[{ length: 3 }, Array(1000).fill(0), Number.NaN, Number.POSITIVE_INFINITY],
    ],
    random,
  );

/** `value` with a field of some object replaced, removed, copied elsewhere or repeated. */
function changeField(value: unknown, random: Random): unknown {
  if (typeof value !== "object" || value === null || random() < 0.03) return strange(random);
  const names = Object.keys(value);
  if (names.length === 0) return strange(random);
  const name = pick(names, random);
  const fields = value as Record<string, unknown>;
  const field = fields[name];
  if (typeof field === "object" && field !== null && random() < 0.6) fields[name] = changeField(field, random);
  else if (typeof field === "number" && random() < 0.4)
    fields[name] = field * pick([-1, 0.5, 2, 3, 10, 1e3, 1e9], random);
  else if (random() < 0.15) delete fields[name];
  else if (random() < 0.2) fields[pick(names, random)] = field;
  else fields[name] = strange(random);
  return value;
}

/** JSON as Python writes it, with words that JSON does not have. */
const pythonJson = (value: unknown): string =>
  JSON.stringify(value, (_, part) => (typeof part === "number" && !Number.isFinite(part) ? `@${part}` : part))?.replace(
    /"@(NaN|-?Infinity)"/g,
    "$1",
  ) ?? "";

function changedJson(bytes: Uint8Array, random: Random): Uint8Array {
  let value: unknown = JSON.parse(new TextDecoder().decode(bytes));
  for (let n = random() < 0.7 ? 1 : 2; n > 0; n--) value = changeField(value, random);
  return new TextEncoder().encode(pythonJson(value));
}

/** A safetensors file whose header was changed as JSON. Its length is corrected. */
function changedHeader(bytes: Uint8Array, random: Random): Uint8Array {
  const headerBytes = headerBytesOf(bytes);
  return withHeader(changedJson(bytes.subarray(8, 8 + headerBytes), random), bytes.subarray(8 + headerBytes));
}

function changed(file: string, bytes: Uint8Array, random: Random): Uint8Array | undefined {
  const kind = random();
  if (kind < 0.03) return undefined;
  if (kind < 0.35) return mutated(bytes, random);
  return file.endsWith(".json") ? changedJson(bytes, random) : changedHeader(bytes, random);
}

/** Checkpoints that name classes. */
const labelled = /^(vit|sharded|timm|family deit.*|family dinov2-registers)$/;

/** The undamaged checkpoints. */
export const wholeCheckpoints = (): Readonly<Record<string, Files>> => ({
  ...Object.fromEntries(["vit", "clip", "dinov2"].map((name) => [name, fixture(name)])),
  ...Object.fromEntries(
    ["clip-tower", "deit-distilled", "deit-one-head", "dino", "dinov2-registers", "dinov2-swiglu", "mae"].map(
      (name) => [`family ${name}`, family(name)],
    ),
  ),
  sharded: sharded(fixture("vit")),
  timm: timm(),
});

/** `count` damaged checkpoints. The same seed gives the same ones. */
export function* mutatedCheckpoints(count: number, seed: number): Generator<MutatedCheckpoint> {
  const whole = wholeCheckpoints();
  for (let i = 0; i < count; i++) {
    // Each has its own random numbers, so one can be made without those before it.
    const random = randomOf(seed + i);
    const base = pick(Object.keys(whole), random);
    const files: Record<string, Uint8Array | undefined> = { ...whole[base]! };
    const done: string[] = [];
    for (let n = random() < 0.8 ? 1 : 2; n > 0; n--) {
      // Configs are chosen more often, because they decide most.
      const file = random() < 0.4 ? configFile : pick(Object.keys(whole[base]!), random);
      // A file is changed at most once, because the next change may need valid JSON.
      if (done.includes(file)) continue;
      files[file] = changed(file, files[file]!, random);
      done.push(file);
    }
    yield {
      name: `checkpoint ${seed + i} (${base}: ${done.join(", ")})`,
      files: { name: "mutated", read: async (file) => files[file] },
      // Sometimes the task is one that the model has no head for.
      task: labelled.test(base) === random() < 0.9 ? "image-classification" : "image-feature-extraction",
    };
  }
}
