/** Tests checkpoints in several files. Their index may be hostile, like any file. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isPptError } from "../src/errors.js";
import { parseConfigJson } from "../src/io/json.js";
import { parseSafetensors } from "../src/io/safetensors.js";
import { joinShards, parseSafetensorsIndex } from "../src/io/sharded.js";

const utf8 = (text: string) => new TextEncoder().encode(text);

/** A file of one-element tensors. Tensor i has the value i + `from`. */
function shardFrom(from: number, ...names: string[]) {
  const entry = (i: number) => ({ dtype: "F32", shape: [1], data_offsets: [4 * i, 4 * i + 4] });
  const header = utf8(JSON.stringify(Object.fromEntries(names.map((name, i) => [name, entry(i)]))));
  const file = new Uint8Array(8 + header.length + 4 * names.length);
  const view = new DataView(file.buffer);
  view.setBigUint64(0, BigInt(header.length), true);
  file.set(header, 8);
  names.forEach((_, i) => void view.setFloat32(8 + header.length + 4 * i, from + i, true));
  return parseSafetensors(file, "shard");
}
const shard = (...names: string[]) => shardFrom(0, ...names);

const a = "model-00001-of-00002.safetensors";
const b = "model-00002-of-00002.safetensors";
const indexOf = (weight_map: unknown) => utf8(JSON.stringify({ metadata: { total_size: 12 }, weight_map }));
const good = { "embeddings.cls_token": a, "head.weight": b, "head.bias": b };

const refused = (run: () => unknown, message: string) =>
  expect(run).toThrow(
    expect.objectContaining({
      name: "PptError",
      code: "INVALID_SAFETENSORS",
      message: expect.stringContaining(`index: ${message}`),
    }),
  );
const parse = (bytes: Uint8Array) => parseSafetensorsIndex(bytes, "index");

describe("good indexes", () => {
  it("name the shards, and give the tensors of all of them", () => {
    const index = parse(indexOf(good));
    expect(index.shards).toEqual([a, b]);
    const shards = new Map([
      [a, shard("embeddings.cls_token")],
      [b, shard("head.bias", "head.weight")],
    ]);
    const weights = joinShards(index, shards, "index");
    expect(weights.has("head.weight")).toBe(true);
    expect(weights.has("head")).toBe(false);
    expect(weights.read("head.weight")).toEqual({ shape: [1], data: Float32Array.of(1) });
    refused(() => weights.read("head"), "holds no tensor 'head'");
  });

  it("may name tensors as fields of Object.prototype are named", () => {
    const index = parse(utf8(`{"weight_map":{"__proto__":"${a}","constructor":"${a}"}}`));
    const weights = joinShards(index, new Map([[a, shard("constructor", "__proto__")]]), "index");
    // `shard` builds its header from an object, in which __proto__ is an own field.
    expect(weights.read("__proto__").data[0]).toBe(1);
    expect(weights.has("toString")).toBe(false);
  });
});

describe("indexes are refused", () => {
  it.each([
    "../secret.safetensors",
    "/etc/passwd",
    "folder/model.safetensors",
    "folder\\model.safetensors",
    "..",
    ".hidden.safetensors",
    "model.safetensors/../../x.safetensors",
    "C:model.safetensors",
    "model.safetensors\0.safetensors",
    "model\n.safetensors",
    "pytorch_model.bin",
    "https://host/model.safetensors",
    "%2e%2e%2fmodel.safetensors",
    `${"x".repeat(300)}.safetensors`,
    "",
    7,
    null,
    ["model.safetensors"],
  ])("for a shard named %j", (name) => {
    refused(() => parse(indexOf({ ...good, "head.bias": name })), "tensor 'head.bias' is said to be in");
  });

  it("for a structure that is none", () => {
    refused(() => parse(utf8("[]")), "index is not a JSON object");
    refused(() => parse(utf8("{")), "index is not valid JSON");
    refused(() => parse(utf8("{}")), "weight_map must be an object, got undefined");
    refused(() => parse(indexOf([a])), "weight_map must be an object");
    refused(() => parse(indexOf({})), "weight_map names no tensor");
    refused(() => parse(utf8('{"__proto__":{"weight_map":{"a":"a.safetensors"}}}')), "weight_map must be an object");
    refused(() => parse(Uint8Array.of(0x7b, 0xff, 0x7d)), "index is not valid UTF-8");
    refused(() => parse(utf8(`{"weight_map":${"[".repeat(100_000)}`)), "index nests deeper than 16 levels");
    const many = Object.fromEntries(Array.from({ length: 1001 }, (_, i) => [`t${i}`, `m${i}.safetensors`]));
    refused(() => parse(indexOf(many)), "weight_map names 1001 files, more than 1000");
  });

  it("for a tensor that is named twice", () => {
    refused(() => parse(utf8(`{"weight_map":{"x":"${a}","\\u0078":"${b}"}}`)), "index has the name 'x' twice");
  });

  it("for a shard that was not read", () => {
    const index = parse(indexOf(good));
    refused(() => joinShards(index, new Map([[a, shard("embeddings.cls_token")]]), "index"), `'${b}' was not read`);
  });

  it("whatever is exchanged in them", () => {
    let accepted = 0;
    const text = JSON.stringify({ metadata: {}, weight_map: good });
    const piece = fc.constantFrom(
      ...'{ } [ ] , : " ../ / \\ \\u002e. __proto__ null 1e400 "a":'.split(" "),
      a,
      "\0",
      "[".repeat(50),
    );
    fc.assert(
      fc.property(fc.nat(text.length), fc.nat(8), piece, (at, removed, inserted) => {
        try {
          const { shards, shardOf } = parse(utf8(text.slice(0, at) + inserted + text.slice(at + removed)));
          for (const name of shards) expect(name).toMatch(/^\w[\w.-]*\.safetensors$/);
          expect([...shardOf.values()].every((name) => shards.includes(name))).toBe(true);
          accepted++;
        } catch (error) {
          if (!isPptError(error)) throw error;
          expect(error.code).toBe("INVALID_SAFETENSORS");
          expect(error.message.length).toBeLessThan(500);
        }
      }),
      { seed: 41, numRuns: 5000 },
    );
    expect(accepted).toBeGreaterThan(100);
    expect(accepted).toBeLessThan(4000);
  });
});

describe("an index that differs from its shards", () => {
  const join = (first: ReturnType<typeof shard>, second: ReturnType<typeof shard>) =>
    joinShards(
      parse(indexOf(good)),
      new Map([
        [a, first],
        [b, second],
      ]),
      "index",
    );

  it("is completed by a tensor that it does not list", () => {
    const weights = join(shard("embeddings.cls_token"), shard("head.weight", "head.bias", "extra"));
    expect(weights.names).toEqual(["embeddings.cls_token", "extra", "head.bias", "head.weight"]);
    expect(weights.has("extra")).toBe(true);
    expect(weights.read("extra")).toEqual({ shape: [1], data: Float32Array.of(2) });
  });

  it("is refused by who reads a tensor that is not where it says", () => {
    const weights = join(shard("head.bias"), shard("head.weight"));
    expect(weights.names).toEqual(["head.bias", "head.weight"]);
    expect(weights.read("head.weight").data[0]).toBe(0);
    expect(weights.has("embeddings.cls_token")).toBe(true);
    refused(
      () => weights.read("embeddings.cls_token"),
      `tensor 'embeddings.cls_token' is not in '${a}', where the index says it is: the files do not belong together`,
    );
    refused(
      () => weights.read("head.bias"),
      `tensor 'head.bias' is not in '${b}', where the index says it is, but in '${a}'`,
    );
  });

  it("is refused by who reads a tensor of two values, and one copied into both has one", () => {
    const same = join(shard("embeddings.cls_token", "head.bias"), shard("head.weight", "head.bias"));
    expect(same.read("head.bias").data[0]).toBe(1);
    const different = join(shard("embeddings.cls_token", "extra"), shardFrom(5, "extra", "head.weight", "head.bias"));
    refused(() => different.read("extra"), `tensor 'extra' is in '${a}' and, with other values, in '${b}'`);
    expect(different.read("head.weight").data[0]).toBe(6);
  });

  it("may hold what Python writes in fields that nothing reads", () => {
    const text = `\ufeff{"metadata":{"total_size":NaN},"weight_map":{"x":"${a}"}}`;
    expect(parse(utf8(text)).shards).toEqual([a]);
    refused(() => parse(utf8(`{"weight_map":{"x":NaN}}`)), "tensor 'x' is said to be in NaN");
    refused(() => parse(utf8(`{"x":NaN,"weight_map":{"x":"${a}","x":"${a}"}}`)), "index has the name 'x' twice");
  });
});

describe("parseConfigJson", () => {
  it("reads NaN and Infinity, as Python's json writes them, as the numbers they are", () => {
    const text = '{"a": NaN, "b": [-Infinity, Infinity,NaN], "NaN": "NaN, -Infinity", "c": {"d":-Infinity}}';
    expect(parseConfigJson(utf8(text))).toEqual({
      a: Number.NaN,
      b: [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY, Number.NaN],
      NaN: "NaN, -Infinity",
      c: { d: Number.NEGATIVE_INFINITY },
    });
    expect(parseConfigJson(utf8("NaN"))).toBe(Number.NaN);
    expect(parseConfigJson(utf8(`${"[".repeat(50_000)}NaN${"]".repeat(50_000)}`))).toBeInstanceOf(Array);
    expect(() => parseConfigJson(utf8('{"__proto__":NaN}'))).toThrow("a field is named '__proto__'");
  });

  it.each([
    "-NaN",
    "nan",
    "1NaN",
    "Infinity5",
    "--Infinity",
    "NaNNaN",
    "{NaN:1}",
    '"a"NaN',
    "[NaN",
    "Inf",
    "+Infinity",
  ])("takes nothing else for a number: %s", (text) => {
    expect(() => parseConfigJson(utf8(text))).toThrow(SyntaxError);
    expect(() => parseConfigJson(utf8(`{"a":${text}}`))).toThrow(SyntaxError);
  });

  it("passes over a byte order mark, and says what holds nothing or something else", () => {
    expect(parseConfigJson(utf8('\ufeff{"a":1}'))).toEqual({ a: 1 });
    expect(() => parseConfigJson(utf8(" \n"))).toThrow("holds nothing (2 bytes)");
    expect(() => parseConfigJson(utf8("version https://git-lfs.github.com/spec/v1\noid sha256:0"))).toThrow(
      "is a Git LFS pointer",
    );
    expect(() => parseConfigJson(utf8("<!DOCTYPE html><html>"))).toThrow("is a web page");
  });

  it("refuses more values than any configuration has, before they take memory", () => {
    expect(() => parseConfigJson(utf8(`[${"[],".repeat(2_100_000)}0]`))).toThrow("holds more than 4000000 values");
  });

  it("gives what JSON.parse gives, at any depth", () => {
    expect(parseConfigJson(utf8('{"a":[1,{"b":null}]}'))).toEqual({ a: [1, { b: null }] });
    expect(() => parseConfigJson(utf8("["))).toThrow(SyntaxError);
    const deep = 100_000;
    expect(parseConfigJson(utf8("[".repeat(deep) + "]".repeat(deep)))).toBeInstanceOf(Array);
  });

  it.each([
    '{"__proto__":{}}',
    '{"a":[{"b":{"__proto__":1}}]}',
    '{"\\u005f_proto__":{"hidden_size":1}}',
    `${'{"a":'.repeat(50_000)}{"__proto__":1}${"}".repeat(50_000)}`,
  ])("refuses a field named __proto__", (text) => {
    expect(() => parseConfigJson(utf8(text))).toThrow("a field is named '__proto__': this is no configuration");
  });
});
