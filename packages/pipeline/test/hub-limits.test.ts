/** Tests limits of time, disk and memory against servers that are silent, endless, or claim too much. */
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { PassingFailure } from "../src/hub/attempts.js";
import { downloadLimits } from "../src/hub/limits.js";
import type { HubOptions } from "../src/hub/options.js";
import { piecesOf } from "../src/hub/silence.js";
import { hubFiles } from "../src/node/hub/files.js";
import { type FakeHub, startHub } from "./fake-hub.js";

const commit = "0123456789abcdef0123456789abcdef01234567";
const id = "org/some-model";
const weights = new Uint8Array(300_000);
const files = { "config.json": new TextEncoder().encode("{}"), "model.safetensors": weights };

let cacheDir: string;
let hub: FakeHub;
let waits: number[];
beforeEach(async () => {
  cacheDir = mkdtempSync(join(tmpdir(), "ppt-vit-limits-"));
  hub = await startHub({ [id]: { commit, files } });
  waits = [];
});
afterEach(async () => {
  await hub.close();
  rmSync(cacheDir, { recursive: true });
});

const open = (options: HubOptions = {}, env: Record<string, string> = {}) =>
  hubFiles(id, { cacheDir, endpoint: hub.url, ...options }, { fetch, wait: async (ms) => void waits.push(ms), env });
const read = (file: string, options: HubOptions = {}) => open(options).read(file, { optional: false });
const failed = (message: string) => ({ code: "DOWNLOAD_FAILED", message: expect.stringContaining(message) });
async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}
/** Answers of a hub that states no size. */
const noSize = { status: 200, headers: { "x-repo-commit": commit, etag: `"${"0".repeat(64)}"` } };
const blobs = () => readdirSync(join(cacheDir, "models--org--some-model/blobs"));

describe("silence", () => {
  it("of a hub that never answers ends after two attempts", async () => {
    hub.fail(/config\.json/, { silent: true }, { silent: true }, { silent: true });
    await expect(read("config.json", { timeoutMs: 50 })).rejects.toMatchObject(
      failed(
        "has sent nothing for 0.05 s (timeoutMs, in Node HF_HUB_DOWNLOAD_TIMEOUT, sets how long that may be); gave up after 2 attempts",
      ),
    );
    expect(hub.seen).toHaveLength(2);
    expect(waits).toEqual([500]);
  });

  it("in the middle of a file is a broken connection, from where the next attempt goes on", async () => {
    hub.fail(/^storage/, { stallAfter: 100_000 });
    expect(Buffer.compare((await read("model.safetensors", { timeoutMs: 1000 }))!, weights)).toBe(0);
    expect(hub.seen.at(-1)!.range).toBe("bytes=100000-");
  });

  it("is bounded while the caller can still abort", async () => {
    hub.fail(/config\.json/, { silent: true });
    const controller = new AbortController();
    const reading = open({ timeoutMs: 1e6 }).read("config.json", { optional: false, signal: controller.signal });
    controller.abort(new Error("enough"));
    await expect(reading).rejects.toThrow("enough");
  });

  it("is not slowness: whatever keeps coming is read to its end", async () => {
    vi.useFakeTimers();
    try {
      let sent = 0;
      const slow = new ReadableStream<Uint8Array<ArrayBuffer>>({
        async pull(controller) {
          await new Promise((resolve) => setTimeout(resolve, 9000));
          if (sent++ < 20) controller.enqueue(Uint8Array.of(sent));
          else controller.close();
        },
      });
      const reading = all(piecesOf(slow, { timeoutMs: 10_000 }));
      await vi.runAllTimersAsync();
      expect((await reading).map(([byte]) => byte)).toEqual(Array.from({ length: 20 }, (_, i) => i + 1));

      const empty = new ReadableStream<Uint8Array<ArrayBuffer>>({
        async pull(controller) {
          await new Promise((resolve) => setTimeout(resolve, 4000));
          controller.enqueue(new Uint8Array(0));
        },
      });
      const ending = all(piecesOf(empty, { timeoutMs: 10_000 })).catch((error: unknown) => error);
      await vi.advanceTimersByTimeAsync(20_000);
      expect(await ending).toBeInstanceOf(PassingFailure);
    } finally {
      vi.useRealTimers();
    }
  });
});

describe("size", () => {
  it("of a file without one ends where the caller says, else at 64 MiB", async () => {
    await read("config.json");
    hub.fail(/model\.safetensors/, { ...noSize, body: new Uint8Array(2 ** 20), endless: true });
    await expect(read("model.safetensors", { maxFileBytes: 2 ** 21 })).rejects.toMatchObject(
      failed("goes on behind 2097152 bytes, and the server told no size: allow more with maxFileBytes"),
    );
    hub.fail(/model\.safetensors/, { ...noSize, body: new Uint8Array(2 ** 20), endless: true });
    await expect(read("model.safetensors")).rejects.toMatchObject(failed("goes on behind 67108864 bytes"));
    expect(waits).toEqual([]);
    expect(blobs()).toHaveLength(1);
  });

  it("is what the hub tells, and no more", async () => {
    hub.fail(/^storage/, ...Array(5).fill({ body: new Uint8Array(2 ** 20), endless: true }));
    await expect(read("model.safetensors")).rejects.toMatchObject(
      failed("more than the announced 300000 bytes came; gave up after 5 attempts"),
    );
    expect(blobs()).toHaveLength(1);
  });

  it("has a limit that can be raised and lowered", async () => {
    const announced = (bytes: number) => ({
      headers: { "x-linked-size": String(bytes), "content-length": "0" },
      body: new Uint8Array(0),
    });
    hub.fail(/model\.safetensors/, announced(2 ** 34 + 1));
    await expect(read("model.safetensors")).rejects.toMatchObject(
      failed(
        "has 17179869185 bytes, more than the 17179869184 that such a file may have: allow more with maxFileBytes",
      ),
    );
    await expect(read("model.safetensors", { maxFileBytes: 299_999 })).rejects.toMatchObject(
      failed("has 300000 bytes"),
    );
    expect(await read("model.safetensors", { maxFileBytes: 300_000 })).toHaveLength(300_000);
  });

  it("counts what a compressed body becomes", async () => {
    const body = gzipSync(new Uint8Array(2 ** 26 + 1));
    const headers = { "content-encoding": "gzip", "x-repo-commit": commit, etag: `"${"0".repeat(40)}"` };
    hub.fail(/config\.json/, { status: 200, headers, body });
    await expect(read("config.json")).rejects.toMatchObject(failed("goes on behind 67108864 bytes"));
  });

  it("of the API's answers is bounded, too", async () => {
    hub.models.set(id, { commit, files: { "config.json": files["config.json"] } });
    hub.fail(/api\/models/, { body: new TextEncoder().encode("[".repeat(2 ** 20)), endless: true });
    await expect(read("model.safetensors")).rejects.toMatchObject(
      failed("answers with more than 67108864 bytes of JSON"),
    );
  });
});

it("pauses that a server asks for are bounded in their sum", async () => {
  hub.fail(/config\.json/, ...Array(4).fill({ status: 429, headers: { "retry-after": "50" } }));
  await expect(read("config.json")).rejects.toMatchObject(failed("the server asks to wait 50 s: try again then"));
  expect(waits).toEqual([50_000, 50_000]);
});

describe("limits", () => {
  it.each([
    [{}, {}, 10_000],
    [{}, { HF_HUB_DOWNLOAD_TIMEOUT: "30" }, 30_000],
    [{}, { HF_HUB_DOWNLOAD_TIMEOUT: "0" }, 10_000],
    [{}, { HF_HUB_DOWNLOAD_TIMEOUT: " " }, 10_000],
    [{ timeoutMs: 5 }, { HF_HUB_DOWNLOAD_TIMEOUT: "30" }, 5],
  ])("%j and %j: %d ms", (options, env, timeoutMs) => {
    expect(downloadLimits(options, env)).toEqual({ timeoutMs, maxFileBytes: undefined });
  });

  it.each([
    ...[0, -1, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 31, "5", null].map((timeoutMs) => ({ timeoutMs })),
    ...[0, -1, 0.5, Number.NaN, 2 ** 53, "5", null].map((maxFileBytes) => ({ maxFileBytes })),
  ])("%o is refused", (options) => {
    expect(() => open(options as HubOptions)).toThrow(
      expect.objectContaining({ code: "INVALID_OPTION", message: expect.stringContaining(Object.keys(options)[0]!) }),
    );
  });

  it.each(["soon", "-1", "1e400", "NaN"])("HF_HUB_DOWNLOAD_TIMEOUT=%s is refused", (value) => {
    expect(() => downloadLimits({}, { HF_HUB_DOWNLOAD_TIMEOUT: value })).toThrow(
      expect.objectContaining({ code: "INVALID_OPTION" }),
    );
  });
});
