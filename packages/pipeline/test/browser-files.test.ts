/** Tests where a page reads checkpoints from, run in Node: addresses, and the Hub with a stand-in for the browser's cache. */
import { createServer, type RequestListener, type Server } from "node:http";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { checkpointFiles } from "../src/browser/files.js";
import type { LoadOptions, ProgressInfo } from "../src/checkpoint/options.js";
import { type FakeHub, type FakeModel, startHub } from "./fake-hub.js";

describe("the address of a folder", () => {
  let server: Server;
  let answer: RequestListener;
  let url: string;
  beforeEach(async () => {
    vi.stubGlobal("location", { href: "http://page/" });
    server = createServer((request, response) => answer(request, response));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    url = `http://127.0.0.1:${(server.address() as { port: number }).port}/model/`;
  });
  afterEach(() => {
    vi.unstubAllGlobals();
    server.closeAllConnections();
    server.close();
  });
  const read = async (file: string, options: LoadOptions = {}) =>
    (await checkpointFiles(new URL(url), options)).read(file, { optional: false });
  const failed = (message: string) => ({ code: "DOWNLOAD_FAILED", message: expect.stringContaining(message) });

  it("gives what is there, whether or not its length is told, and whether or not it is compressed", async () => {
    const bytes = Buffer.from("x".repeat(100_000));
    for (const headers of [{ "content-length": "100000" }, {}, { "content-encoding": "gzip" }]) {
      answer = (_, response) =>
        response.writeHead(200, headers).end("content-encoding" in headers ? gzipSync(bytes) : bytes);
      expect(Buffer.from((await read("model.safetensors"))!).equals(bytes)).toBe(true);
    }
  });

  it("is refused where a length is announced that no memory holds", async () => {
    for (const length of [String(1e15), String(2 ** 34 + 1)]) {
      answer = (_, response) => response.writeHead(200, { "content-length": length }).flushHeaders();
      await expect(read("model.safetensors")).rejects.toMatchObject(failed(`has ${length} bytes, more than the`));
    }
    answer = (_, response) => response.writeHead(200, { "content-length": String(2 ** 26 + 1) }).flushHeaders();
    await expect(read("config.json", { maxFileBytes: 2 ** 30 })).rejects.toMatchObject(failed("has 67108865 bytes"));
    answer = (_, response) => response.writeHead(200, { "content-length": String(2 ** 52) }).flushHeaders();
    await expect(read("model.safetensors", { maxFileBytes: 2 ** 53 - 1 })).rejects.toMatchObject({
      code: "OUT_OF_MEMORY",
      message: expect.stringContaining("its 4503599627370496 bytes do not fit into memory"),
    });
  });

  it("is given up where it is silent or has no end", async () => {
    answer = () => {};
    await expect(read("config.json", { timeoutMs: 50 })).rejects.toMatchObject(failed("has sent nothing for 0.05 s"));
    answer = (_, response) => void response.writeHead(200, { "content-length": "5" }).write("{");
    await expect(read("config.json", { timeoutMs: 50 })).rejects.toMatchObject(failed("has sent nothing for 0.05 s"));
    answer = (_, response) => {
      const more = () => {
        while (!response.destroyed && response.write(new Uint8Array(2 ** 20)));
      };
      response.writeHead(200).on("drain", more);
      more();
    };
    for (const file of ["config.json", "model.safetensors"])
      await expect(read(file)).rejects.toMatchObject(failed("goes on behind 67108864 bytes, and the server told no"));
  });

  it("lacks an optional file of an extension whose fetch fails, because there is no status", async () => {
    vi.stubGlobal("fetch", () => Promise.reject(new TypeError("Failed to fetch")));
    const read = async (folder: string, optional: boolean) =>
      (await checkpointFiles(new URL(folder), {})).read("processor_config.json", { optional });
    expect(await read("chrome-extension://id/model/", true)).toBeUndefined();
    for (const [folder, optional] of [
      ["chrome-extension://id/model/", false],
      [url, true],
    ] as const)
      await expect(read(folder, optional)).rejects.toMatchObject({ code: "NOT_FOUND" });
  });

  it("says what a limit is that is none", async () => {
    await expect(read("config.json", { timeoutMs: Number.NaN })).rejects.toMatchObject({
      code: "INVALID_OPTION",
      message: expect.stringContaining("timeoutMs NaN"),
    });
  });
});

describe("a model of the Hub", () => {
  const commit = "0123456789abcdef0123456789abcdef01234567";
  const converted = "89abcdef0123456789abcdef0123456789abcdef";
  const id = "org/some-model";
  const text = (value: string) => new TextEncoder().encode(value);
  const settings = { "config.json": text("{}"), "pytorch_model.bin": text("PK") };
  const model: FakeModel = {
    commit,
    files: settings,
    discussions: [
      {
        num: 7,
        title: "Adding `safetensors` variant of this model",
        status: "open",
        isPullRequest: true,
        author: { name: "SFconvertbot" },
      },
    ],
    branches: { "refs/pr/7": { commit: converted, files: { ...settings, "model.safetensors": text("weights") } } },
  };

  let hub: FakeHub;
  let kept: Map<string, Response>;
  beforeEach(async () => {
    hub = await startHub({ [id]: model });
    kept = new Map();
    const cache = {
      match: async (url: URL) => kept.get(url.href)?.clone(),
      put: async (url: URL, response: Response) => void kept.set(url.href, response),
    };
    vi.stubGlobal("caches", { open: async () => cache });
  });
  afterEach(async () => {
    vi.unstubAllGlobals();
    await hub.close();
  });
  const notices: string[] = [];
  beforeEach(() => void notices.splice(0));
  const open = (options: LoadOptions = {}) =>
    checkpointFiles(id, {
      endpoint: hub.url,
      progress_callback: (info: ProgressInfo) => {
        if (info.status === "notice") notices.push(info.message);
      },
      ...options,
    });
  const read = async (file: string, options: LoadOptions = {}) => (await open(options)).read(file, { optional: false });

  it("whose main lacks weights has those of the converter's pull request, kept by commit", async () => {
    const says = `${id}: main has no safetensors; taking model.safetensors of refs/pr/7 at commit ${converted}`;
    expect(await read("model.safetensors")).toEqual(text("weights"));
    expect(notices).toEqual([says]);
    expect([...kept.keys()]).toContain(`${hub.url}/${id}/resolve/${converted}/model.safetensors`);
    expect(hub.takeSeen().some((path) => path.startsWith(`hub/api/models/${id}/discussions?`))).toBe(true);
    // The commit is pinned, so neither the pull request nor its branch is asked for again.
    hub.models.set(id, { ...model, branches: {}, discussions: [] });
    expect(await read("model.safetensors")).toEqual(text("weights"));
    expect(hub.takeSeen()).toEqual([`hub/api/models/${id}/revision/main?blobs=true`]);
    expect(await read("model.safetensors", { localFilesOnly: true })).toEqual(text("weights"));
    expect(hub.takeSeen()).toEqual([]);
    expect(notices).toEqual([says, says, says]);
  });

  it("gives them by their revision without a word, and those of another author not at all", async () => {
    expect(await read("model.safetensors", { revision: "refs/pr/7" })).toEqual(text("weights"));
    expect(notices).toEqual([]);
    hub.models.set(id, { ...model, discussions: [{ ...model.discussions![0], author: { name: "Mallory" } }] });
    await expect(read("model.safetensors")).rejects.toMatchObject({ code: "NOT_FOUND" });
  });

  it("is given up where the hub is silent, boasts, or answers without an end", async () => {
    hub.fail(/api\/models/, { silent: true }, { silent: true });
    await expect(read("config.json", { timeoutMs: 50 })).rejects.toMatchObject({
      code: "DOWNLOAD_FAILED",
      message: expect.stringContaining("gave up after 2 attempts"),
    });
    hub.fail(/api\/models/, { body: new Uint8Array(2 ** 20).fill(91), endless: true });
    await expect(read("config.json")).rejects.toMatchObject({
      code: "DOWNLOAD_FAILED",
      message: expect.stringContaining("answers with more than 67108864 bytes of JSON"),
    });
    const boasting = (size: number) => ({
      sha: commit,
      siblings: [{ rfilename: "model.safetensors", lfs: { sha256: "0".repeat(64), size } }],
    });
    hub.fail(/api\/models/, { body: text(JSON.stringify(boasting(1e15))) });
    await expect(read("model.safetensors")).rejects.toMatchObject({
      code: "DOWNLOAD_FAILED",
      message: expect.stringContaining("has 1000000000000000 bytes, more than the 17179869184"),
    });
  });
});
