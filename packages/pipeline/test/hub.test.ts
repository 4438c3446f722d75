/** Tests models of the Hub in Node, with a local server that fails as networks do. */
import { readdirSync, readFileSync, readlinkSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { gitSha1, startHub } from "./fake-hub.js";
import {
  blobs,
  commit,
  errorOf,
  expectWeights,
  folder,
  hub,
  id,
  later,
  model,
  open,
  read,
  readWithBreaks,
  storage,
  text,
  waits,
  weights,
  weightsBlob,
} from "./hub-fixture.js";

describe("a download", () => {
  it("lies in the cache as Hugging Face's own tools put it", async () => {
    const files = open();
    expect(await files.read("config.json", { optional: false })).toEqual(text('{"a":1}'));
    const bytes = (await files.read("model.safetensors", { optional: false }))!;
    expect(Buffer.compare(bytes, weights)).toBe(0);
    expect(readFileSync(join(folder(), "refs/main"), "utf8")).toBe(commit);
    expect(readlinkSync(join(folder(), "snapshots", commit, "model.safetensors"))).toBe(`../../blobs/${weightsBlob}`);
    expect(readlinkSync(join(folder(), "snapshots", commit, "config.json"))).toBe(
      `../../blobs/${gitSha1(text('{"a":1}'))}`,
    );
    expect(blobs()).toHaveLength(2);
    expect(hub.takeSeen()).toEqual([
      `hub/${id}/resolve/main/config.json`,
      `hub/${id}/resolve/${commit}/model.safetensors`,
      expect.stringMatching(/^storage\/blobs\//),
    ]);
  });

  it("is not repeated: a branch is looked up once a load, a commit never", async () => {
    await read("model.safetensors");
    hub.takeSeen();
    await read("model.safetensors");
    expect(hub.takeSeen()).toEqual([`hub/${id}/resolve/main/config.json`]);
    await read("model.safetensors", { revision: commit });
    expect(hub.takeSeen()).toEqual([]);
  });

  it("takes all files from one commit, even when the branch moves meanwhile", async () => {
    const files = open();
    await files.read("config.json", { optional: false });
    const moved = weights.slice(0, -1);
    hub.models.set(id, {
      commit: later,
      revisions: ["main", commit],
      files: { ...model.files, "model.safetensors": moved },
    });
    const error = await errorOf(files.read("model.safetensors", { optional: false }));
    // This server answers for the old commit with its newest, which must be noticed.
    expect(error).toMatchObject({ code: "DOWNLOAD_FAILED", message: expect.stringContaining(`${later} came`) });
    expect(await read("model.safetensors")).toHaveLength(moved.length);
    expect(readFileSync(join(folder(), "refs/main"), "utf8")).toBe(later);
  });

  it("knows branches with a slash, and remembers that an optional file is missing", async () => {
    hub.models.set(id, { ...model, revisions: ["refs/pr/1"] });
    const options = { revision: "refs/pr/1" };
    expect(await open(options).read("reduction.json", { optional: true })).toBe(undefined);
    expect(readFileSync(join(folder(), "refs/refs/pr/1"), "utf8")).toBe(commit);
    expect(readdirSync(join(folder(), ".no_exist", commit))).toEqual(["reduction.json"]);
    hub.takeSeen();
    expect(await open({ revision: commit }).read("reduction.json", { optional: true })).toBe(undefined);
    expect(hub.takeSeen()).toEqual([]);
  });

  it("tells how far it is", async () => {
    const progress: [number, number][] = [];
    await open().read("model.safetensors", { optional: false, onProgress: (...now) => void progress.push(now) });
    expect(progress.at(-1)).toEqual([weights.length, weights.length]);
    expect(
      progress.every(([loaded], i) => i === 0 || loaded >= progress[i - 1]![0] || progress[i]![1] === 300_000),
    ).toBe(true);
  });
});

describe("a broken download", () => {
  it("goes on where it ended, within one load", async () => {
    hub.fail(storage, { stallAfter: 100_000 }, { stallAfter: 50_000 });
    await expectWeights(readWithBreaks(100_000, 150_000));
    expect(hub.seen.filter(({ host }) => host === "storage").map(({ range }) => range)).toEqual([
      undefined,
      "bytes=100000-",
      "bytes=150000-",
    ]);
    expect(waits).toEqual([500, 1000]);
    expect(blobs()).toHaveLength(2);
  });

  it("goes on where an earlier load ended, and leaves nothing beside", async () => {
    hub.fail(storage, { stallAfter: 120_000 }, ...Array(4).fill({ cut: true }));
    const error = await errorOf(readWithBreaks(120_000));
    expect(error).toMatchObject({
      code: "DOWNLOAD_FAILED",
      message: expect.stringMatching(/^org\/some-model\/model\.safetensors: .* gave up after 5 attempts/),
    });
    expect(waits).toEqual([500, 1000, 2000, 4000]);
    expect(blobs().filter((name) => name === weightsBlob)).toEqual([]);
    await expectWeights(read("model.safetensors"));
    expect(hub.seen.at(-1)!.range).toBe("bytes=120000-");
    expect(blobs().sort()).toEqual([weightsBlob, gitSha1(text('{"a":1}'))].sort());
  });

  it("begins anew where the server ignores ranges, refuses them, or sends another one", async () => {
    const another = { headers: { "content-range": "bytes 7-299999/300000" } };
    for (const second of [{ ignoreRange: true }, { status: 416 }, another]) {
      rmSync(folder(), { recursive: true, force: true });
      hub.fail(storage, { stallAfter: 100_000 }, second);
      await expectWeights(readWithBreaks(100_000));
    }
  });

  it("notices a body that ends too soon without a word", async () => {
    hub.fail(storage, { chunked: true, body: weights.subarray(0, 1000) });
    await expectWeights(read("model.safetensors"));
    expect(waits).toEqual([500]);
  });

  it("stops a body that does not end, and one of another content", async () => {
    hub.fail(storage, { chunked: true, body: new Uint8Array(weights.length + 1) });
    await expectWeights(read("model.safetensors"));
    rmSync(folder(), { recursive: true });
    hub.fail(storage, { body: weights.toReversed() });
    const error = await errorOf(read("model.safetensors"));
    expect(error).toMatchObject({
      code: "DOWNLOAD_FAILED",
      message: expect.stringContaining(`the hub announces ${weightsBlob}: nothing of it was kept`),
    });
    expect(blobs()).toEqual([gitSha1(text('{"a":1}'))]);
    hub.fail(/config\.json/, { body: text('{"a":2}') });
    rmSync(folder(), { recursive: true });
    expect(await errorOf(read("config.json"))).toMatchObject({ code: "DOWNLOAD_FAILED" });
    expect(blobs()).toEqual([]);
  });

  it("begins anew where what an earlier load left is not the file's beginning", async () => {
    await read("config.json");
    const part = join(folder(), "blobs", `${weightsBlob}.0011223344556677.ppt-vit-part`);
    writeFileSync(part, new Uint8Array(200_000));
    await expectWeights(read("model.safetensors"));
    expect(blobs()).not.toContain(part);
  });

  it("takes a copy of what another download is writing, and removes what nobody writes any more", async () => {
    await read("config.json");
    const part = join(folder(), "blobs", `${weightsBlob}.0011223344556677.ppt-vit-part`);
    hub.fail(storage, ...Array(10).fill({ cut: true }));
    writeFileSync(part, weights.subarray(0, 5000));
    await errorOf(read("model.safetensors"));
    expect(blobs().filter((name) => name.startsWith(weightsBlob))).toHaveLength(2);
    const old = new Date(Date.now() - 3_600_000);
    for (const name of blobs()) utimesSync(join(folder(), "blobs", name), old, old);
    await errorOf(read("model.safetensors"));
    // Of the two old files the copied one is gone, and there is a new one.
    expect(blobs().filter((name) => name.startsWith(weightsBlob))).toHaveLength(2);
    await expectWeights(read("model.safetensors"));
    expect(blobs()).toHaveLength(2);
  });

  it("is not disturbed by one that finishes first and clears up", async () => {
    hub.fail(storage, { stallAfter: 100_000 });
    let stalled = () => {};
    const arrived = new Promise<void>((resolve) => {
      stalled = resolve;
    });
    const slow = open().read("model.safetensors", {
      optional: false,
      onProgress: (loaded) => loaded === 100_000 && stalled(),
    });
    await arrived;
    await expectWeights(read("model.safetensors"));
    expect(blobs()).toHaveLength(2);
    hub.finishStalled();
    await expectWeights(slow);
    expect(blobs()).toHaveLength(2);
    expect(waits).toEqual([]);
  });

  it("ends at once when it is aborted, and keeps what has arrived", async () => {
    hub.fail(storage, { stallAfter: 70_000 });
    const controller = new AbortController();
    const reading = open().read("model.safetensors", {
      optional: false,
      signal: controller.signal,
      onProgress: (loaded) => {
        if (loaded === 70_000) controller.abort(new Error("enough"));
      },
    });
    await expect(reading).rejects.toThrow("enough");
    expect(waits).toEqual([]);
    await expectWeights(read("model.safetensors"));
    expect(hub.seen.at(-1)!.range).toBe("bytes=70000-");
  });
});

describe("answers", () => {
  it.each([
    { retryAfter: "7", waited: 7000 },
    { retryAfter: "0", waited: 0 },
    { retryAfter: "soon", waited: 500 },
  ])("429 waits as long as Retry-After says: $retryAfter", async ({ retryAfter, waited }) => {
    hub.fail(/config\.json/, { status: 429, headers: { "retry-after": retryAfter } });
    await read("config.json");
    expect(waits).toEqual([waited]);
  });

  it("Retry-After may be a date, and one that is far away is not waited for", async () => {
    const inAMinute = new Date(Date.now() + 60_000).toUTCString();
    hub.fail(/config\.json/, { status: 503, headers: { "retry-after": inAMinute } });
    await read("config.json");
    expect(waits[0]).toBeGreaterThan(50_000);
    expect(waits[0]).toBeLessThanOrEqual(60_000);
    hub.fail(/config\.json/, { status: 429, headers: { "retry-after": "3600" } });
    expect(await errorOf(read("config.json"))).toMatchObject({
      code: "DOWNLOAD_FAILED",
      message: "org/some-model/config.json: the server answers 429; the server asks to wait 3600 s: try again then",
    });
  });

  it("500 is tried again, a bounded number of times", async () => {
    hub.fail(/config\.json/, ...Array(5).fill({ status: 500 }));
    expect(await errorOf(read("config.json"))).toMatchObject({
      code: "DOWNLOAD_FAILED",
      message: expect.stringContaining("the server answers 500; gave up after 5 attempts"),
    });
    expect(hub.seen).toHaveLength(5);
    expect(waits).toHaveLength(4);
  });

  it("an address of the storage that has expired is asked for anew", async () => {
    hub.fail(storage, { status: 403 });
    await expectWeights(read("model.safetensors"));
  });

  it("401 says what to do, with and without a token", async () => {
    hub.models.set(id, { ...model, token: "hf_right" });
    expect(await errorOf(read("config.json"))).toMatchObject({
      code: "ACCESS_DENIED",
      message: `org/some-model/config.json: access denied (401): accept the terms at ${hub.url}/${id}, and set HF_TOKEN to a token of yours`,
    });
    expect(await errorOf(read("config.json", { token: "hf_wrong" }))).toMatchObject({
      message: expect.stringContaining("check that the token may read it"),
    });
    expect(await open({}, { HF_TOKEN: "hf_right\n" }).read("config.json", { optional: false })).toHaveLength(7);
  });

  it("a token goes to the hub alone", async () => {
    hub.models.set(id, { ...model, token: "hf_right" });
    await read("model.safetensors", { token: "hf_right" });
    const tokensOf = (host: string) => hub.seen.filter((one) => one.host === host).map((one) => one.authorization);
    expect(tokensOf("hub")).toEqual(["Bearer hf_right", "Bearer hf_right"]);
    expect(tokensOf("storage")).toEqual([undefined]);
  });

  it("404 tells a missing model, revision and file apart", async () => {
    expect(await errorOf(open({}, {}, "org/other").read("config.json", { optional: false }))).toMatchObject({
      code: "NOT_FOUND",
      message: expect.stringContaining(`there is no model 'org/other' at ${hub.url}`),
    });
    expect(await errorOf(read("config.json", { revision: "v9" }))).toMatchObject({
      code: "NOT_FOUND",
      message: expect.stringContaining("has no revision 'v9'"),
    });
    expect(await errorOf(read("preprocessor_config.json"))).toMatchObject({
      code: "NOT_FOUND",
      message: "org/some-model: has no preprocessor_config.json at revision main: check the id and the revision",
    });
    // The address is that of a web server that is not a hub.
    hub.fail(/config\.json/, { status: 404 });
    expect(await errorOf(read("config.json"))).toMatchObject({
      code: "NOT_FOUND",
      message: `org/some-model/config.json: is not there (404): check the id, the revision and ${hub.url}`,
    });
    hub.models.set(id, { commit, files: {} });
    rmSync(folder(), { recursive: true });
    expect(await errorOf(read("config.json"))).toMatchObject({
      message: expect.stringContaining("no config.json"),
    });
  });

  it("follows redirects on the hub itself, a bounded number, and to web addresses only", async () => {
    hub.models.set("org/renamed", model);
    const to = (location: string) => ({ status: 307, headers: { location } });
    hub.fail(/some-model\/resolve\/main/, to(`/org/renamed/resolve/main/config.json`));
    expect(await read("config.json")).toHaveLength(7);
    rmSync(folder(), { recursive: true });
    hub.fail(/some-model\/resolve/, ...Array(6).fill(to(`/${id}/resolve/main/config.json`)));
    expect(await errorOf(read("config.json"))).toMatchObject({
      message: expect.stringContaining("more than 5 redirects"),
    });
    for (const location of ["file:///etc/passwd", "data:,x", "http://"]) {
      hub.fail(/some-model\/resolve/, to(location));
      expect(await errorOf(read("config.json"))).toMatchObject({
        code: "DOWNLOAD_FAILED",
        message: expect.stringContaining("no web address"),
      });
    }
  });

  it.each([
    {
      name: "a login page",
      fault: { body: text("<html>"), headers: { "x-repo-commit": "" } },
      says: "names no commit",
    },
    { name: "no hash", fault: { headers: { etag: '"v1"' } }, says: "gives no hash of the file" },
    { name: "a teapot", fault: { status: 418 }, says: "the server answers 418" },
  ])("$name is refused at once", async ({ fault, says }) => {
    hub.fail(/config\.json/, fault);
    expect(await errorOf(read("config.json"))).toMatchObject({
      code: "DOWNLOAD_FAILED",
      message: expect.stringContaining(says),
    });
    expect(waits).toEqual([]);
  });

  it("a configuration of gigabytes is not even begun", async () => {
    hub.fail(/config\.json/, { headers: { "content-length": "7", "x-linked-size": String(2 ** 40) } });
    expect(await errorOf(read("config.json"))).toMatchObject({
      code: "DOWNLOAD_FAILED",
      message: expect.stringContaining("1099511627776 bytes, more than the 67108864"),
    });
  });

  it("a hub that is not there is said so at once", async () => {
    const gone = await startHub();
    await gone.close();
    expect(await errorOf(read("config.json", { endpoint: gone.url }))).toMatchObject({
      code: "DOWNLOAD_FAILED",
      message: expect.stringContaining("cannot be reached (ECONNREFUSED)"),
    });
    expect(waits).toEqual([]);
  });
});
