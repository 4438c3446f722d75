/** Tests models of the Hub in a real browser. */
import { readFileSync } from "node:fs";
import type { Server } from "node:http";
import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { bundle, host } from "./browser/bench-serve.js";
import { strictHeaders, strictPolicy } from "./browser/policy.js";
import { browserPath, launchBrowser } from "./browser/serve.js";
import { dog } from "./built.js";
import { commit, converted, files, hub, id, notice, weights } from "./hub-fixture.js";

// scripts/check.mjs reports when these tests are skipped. In CI a missing browser is a failure there.
describe.skipIf(!browserPath)("a browser", () => {
  let server: Server;
  let browser: Browser;
  let page: Page;
  let url: string;

  beforeAll(async () => {
    const [script, worker] = await Promise.all([bundle("bench-pipeline.ts"), bundle("bench-worker.ts")]);
    const served = await host(
      {},
      {
        "/index.html": '<!doctype html><link rel="icon" href="data:,"><script type="module" src="/page.js"></script>',
        "/page.js": script.script,
        "/worker.js": worker.script,
        "/dog.png": readFileSync(dog),
      },
      // The fake Hub is another host.
      { ...strictHeaders, "Content-Security-Policy": `${strictPolicy}; connect-src 'self' http://127.0.0.1:*` },
    );
    ({ server, url } = served);
    browser = await launchBrowser();
  });
  afterAll(async () => {
    await browser?.close();
    server?.close();
  });
  beforeEach(async () => {
    // A context of its own has a cache of its own.
    page = await (await browser.newContext()).newPage();
    await page.goto(url);
    await page.waitForFunction(() => "pipeline" in window);
  });
  afterEach(() => page.context().close());

  interface Load {
    readonly id?: string;
    readonly revision?: string;
    readonly token?: string;
    readonly localFilesOnly?: boolean;
    readonly where?: "page" | "worker";
    /** Aborts after that many bytes of the weights. */
    readonly abortAt?: number;
  }
  /** The best label of the dog, or the error's code and message, and the last progress of the weights. */
  const load = (options: Load = {}) =>
    page.evaluate(
      async ({ id, where = "page", abortAt, ...options }) => {
        let weights: unknown;
        let notice: string | undefined;
        const controller = new AbortController();
        const worker = window.startWorker();
        try {
          const { fromPretrained } = where === "page" ? window.pipeline : worker;
          const classifier = await fromPretrained(id, {
            ...options,
            signal: controller.signal,
            progress_callback: (info) => {
              if (info.status === "notice" && "file" in info) notice = info.message;
              if (info.status !== "progress" || info.file !== "model.safetensors") return;
              weights = info;
              if (info.loaded === abortAt) controller.abort();
            },
          });
          const { labels } = await classifier.classify("dog.png");
          await classifier.dispose();
          return { label: labels[0]!.label, name: classifier.model, weights, ...(notice && { notice }) };
        } catch (error) {
          const { code, name, message } = error as Error & { code?: unknown };
          // An abort is a DOMException, whose code is a number.
          return { code: typeof code === "string" ? code : name, message };
        } finally {
          await worker.dispose();
        }
      },
      { id, endpoint: hub.url, ...options },
    );
  const cached = () =>
    page.evaluate(async () => (await (await caches.open("ppt-vit-hub")).keys()).map((request) => request.url));

  test("loads a model, keeps it by commit, and asks no more than it must", async () => {
    expect(await load()).toEqual({
      label: "dog",
      name: id,
      weights: {
        status: "progress",
        name: id,
        file: "model.safetensors",
        progress: 100,
        loaded: weights.length,
        total: weights.length,
      },
    });
    const atCommit = (file: string) => `${hub.url}/${id}/resolve/${commit}/${file}`;
    expect((await cached()).sort()).toEqual(
      [`${hub.url}/api/models/${id}/revision/main?blobs=true`, ...Object.keys(files).map(atCommit)].sort(),
    );
    hub.takeSeen();
    expect(await load({ where: "worker" })).toMatchObject({ label: "dog", name: id });
    expect(hub.takeSeen()).toEqual([`hub/api/models/${id}/revision/main?blobs=true`]);
    expect(await load({ localFilesOnly: true })).toMatchObject({ label: "dog" });
    expect(await load({ revision: commit })).toMatchObject({ label: "dog" });
    hub.takeSeen();
    expect(await load({ revision: commit })).toMatchObject({ label: "dog" });
    expect(hub.takeSeen()).toEqual([]);
    expect(await load({ id: "org/sharded", where: "worker" })).toMatchObject({ label: "dog" });
  });

  test("takes weights that only the Hub's converter has made, and tells the page from the worker, too", async () => {
    const model = "org/unconverted";
    const right = { label: "dog", notice: notice(model) };
    expect(await load({ id: model })).toMatchObject(right);
    expect(await cached()).toContain(`${hub.url}/${model}/resolve/${converted}/model.safetensors`);
    hub.takeSeen();
    expect(await load({ id: model, where: "worker", localFilesOnly: true })).toMatchObject(right);
    expect(hub.takeSeen()).toEqual([]);
    const named = await load({ id: model, revision: "refs/pr/3" });
    expect(named).toMatchObject({ label: "dog" });
    expect(named).not.toHaveProperty("notice");
  });

  test("goes on where a body ended, and waits where it is asked to", async () => {
    hub.fail(/^hub\/api/, { status: 503, headers: { "retry-after": "0" } });
    hub.fail(/^storage/, { chunked: true, body: weights.subarray(0, 4_000_000) });
    expect(await load()).toMatchObject({ label: "dog" });
    expect(hub.seen.filter(({ host }) => host === "storage").map(({ range }) => range)).toEqual([
      undefined,
      "bytes=4000000-",
    ]);
  });

  test("keeps nothing that is not whole and right", async () => {
    hub.fail(/^storage/, { body: new Uint8Array(weights.length) });
    expect(await load()).toMatchObject({
      code: "DOWNLOAD_FAILED",
      message: expect.stringContaining("the hub announces"),
    });
    hub.fail(/^storage/, { stallAfter: 3_000_000 });
    expect(await load({ abortAt: 3_000_000 })).toMatchObject({ code: "AbortError" });
    expect((await cached()).filter((address) => address.endsWith("model.safetensors"))).toEqual([]);
    expect(await load()).toMatchObject({ label: "dog" });
  });

  test("sends a token to the hub alone, and says what to do without", async () => {
    hub.models.set(id, { commit, files, token: "hf_right" });
    expect(await load()).toMatchObject({
      code: "ACCESS_DENIED",
      message: expect.stringContaining("accept the terms at"),
    });
    hub.takeSeen();
    const before = hub.seen.length;
    expect(await load({ token: "hf_right" })).toMatchObject({ label: "dog" });
    const tokens = (host: string) =>
      new Set(hub.seen.slice(before).flatMap((one) => (one.host === host ? [one.authorization] : [])));
    expect(tokens("hub")).toEqual(new Set(["Bearer hf_right"]));
    expect(tokens("storage")).toEqual(new Set([undefined]));
  });

  test.each([
    [{ id: "org/nothing" }, "NOT_FOUND", "there is no model 'org/nothing'"],
    [{ revision: "v2" }, "NOT_FOUND", "no revision 'v2'"],
    [{ localFilesOnly: true }, "NOT_FOUND", "is not in this browser's cache"],
    [{ id: "org/..", where: "worker" }, "INVALID_OPTION", "no id of the Hub"],
    [{ revision: "../main" }, "INVALID_OPTION", "revision '../main' is none"],
    [{ id: "models" }, "INVALID_OPTION", "write ./models"],
  ] satisfies [Load, string, string][])("%j: %s", async (options, code, message) => {
    expect(await load(options)).toMatchObject({ code, message: expect.stringContaining(message) });
  });
});
