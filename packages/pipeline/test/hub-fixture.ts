/** A local server that stands in for the Hub, and an empty cache. Both are new before each test. */
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect } from "vitest";
import type { HubOptions } from "../src/hub/options.js";
import { hubFiles } from "../src/node/hub/files.js";
import { blobName, type FakeHub, type FakeModel, startHub } from "./fake-hub.js";

export const commit = "0123456789abcdef0123456789abcdef01234567";
export const later = "89abcdef0123456789abcdef0123456789abcdef";
export const id = "org/some-model";
export const text = (value: string) => new TextEncoder().encode(value);
export const weights = Uint8Array.from({ length: 300_000 }, (_, i) => (i < 8 ? 0 : (i * 7) ^ (i >> 8)));
export const model: FakeModel = { commit, files: { "config.json": text('{"a":1}'), "model.safetensors": weights } };

export let cacheDir: string;
export let hub: FakeHub;
beforeEach(async () => {
  cacheDir = mkdtempSync(join(tmpdir(), "ppt-vit-hub-"));
  hub = await startHub({ [id]: model });
});
afterEach(async () => {
  await hub.close();
  rmSync(cacheDir, { recursive: true });
});

/** The waiting times that were asked for. The tests do not wait. */
export const waits: number[] = [];
beforeEach(() => void waits.splice(0));

export function open(options: HubOptions = {}, env: Record<string, string> = {}, name = id) {
  const wait = async (ms: number) => void waits.push(ms);
  return hubFiles(name, { cacheDir, endpoint: hub.url, ...options }, { fetch, wait, env });
}

export const read = (file: string, options: HubOptions = {}) => open(options).read(file, { optional: false });
/** The connection breaks each time this much has arrived. */
export const readWithBreaks = (...breaks: number[]) =>
  open().read("model.safetensors", {
    optional: false,
    onProgress: (loaded) => {
      if (breaks.includes(loaded)) hub.cutStalled();
    },
  });
export const folder = () => join(cacheDir, "models--org--some-model");
export const blobs = () => readdirSync(join(folder(), "blobs"));
export const weightsBlob = blobName("model.safetensors", weights);
export const storage = /^storage/;
/** Compares bytes as a whole, because comparing arrays element by element would take seconds. */
export const expectWeights = async (reading: Promise<Uint8Array | undefined>) =>
  expect(Buffer.compare((await reading)!, weights)).toBe(0);
export const errorOf = (promise: Promise<unknown>) =>
  promise.then(
    () => expect.unreachable("it was loaded"),
    (error: unknown) => error,
  );
