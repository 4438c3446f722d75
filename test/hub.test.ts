/** Models of the Hub as users load them: the command line, processes at the same time, and a real browser. */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import type { Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { blobName, type FakeHub, type FakeModel, startHub } from "../packages/pipeline/test/fake-hub.js";
import { root, run } from "../scripts/workspace.mjs";
import { bundle, host } from "./browser/bench-serve.js";
import { strictHeaders, strictPolicy } from "./browser/policy.js";
import { browserPath, launchBrowser } from "./browser/serve.js";

const main = join(root, "packages/cli/dist/main.js");
const pipeline = new URL("../packages/pipeline/dist/index.js", import.meta.url).href;
const dog = join(root, "packages/demo-model/samples/000_dog.png");
const commit = "0123456789abcdef0123456789abcdef01234567";
const id = "org/demo-model";

const modelFile = (file: string) => readFileSync(join(root, "packages/demo-model/model", file));
const weights = modelFile("model.safetensors");
const files = Object.fromEntries(
  ["config.json", "preprocessor_config.json", "reduction.json", "verification.json", "model.safetensors"].map(
    (file) => [file, modelFile(file)],
  ),
);

const converted = "89abcdef0123456789abcdef0123456789abcdef";
/** A model whose safetensors are only in the pull request of the Hub's converter. */
function unconverted(): FakeModel {
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
const notice = (model: string) =>
  `${model}: main has no safetensors; taking model.safetensors of refs/pr/3 at commit ${converted}`;

/** The same weights in two files with an index. */
function sharded(): FakeModel["files"] {
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

let cache: string;
let hub: FakeHub;
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

const environment = () => ({ HF_ENDPOINT: hub.url, HF_HUB_CACHE: cache, NO_COLOR: "1" });
async function pptVit(...args: string[]) {
  const { code, stdout, output } = await run(process.execPath, [main, ...args], { cwd: cache, env: environment() });
  expect(output).not.toMatch(/^\s+at .+:\d+:\d+\)?$/m);
  return { code, stdout, stderr: output.replace(stdout, "") };
}
const classify = (...args: string[]) => pptVit("classify", "--json", "--top", "1", ...args, dog);
const labelOf = (stdout: string): string => JSON.parse(stdout).images[0].labels[0].label;

describe("the command line", () => {
  test("classifies with a model of the Hub, and again without a network", async () => {
    hub.fail(/^hub.*config\.json/, { status: 429, headers: { "retry-after": "0" } });
    const first = await classify("--model", id);
    expect(first.stderr).toBe(`downloading ${id}/model.safetensors, 11.1 MB\n`);
    expect(first.code).toBe(0);
    expect(JSON.parse(first.stdout)).toMatchObject({ model: id, reduction: { threshold: 1e-3 }, failures: [] });
    expect(labelOf(first.stdout)).toBe("dog");
    hub.takeSeen();
    for (const args of [["--offline"], ["--revision", commit]]) {
      const again = await classify("--model", id, ...args);
      expect({ code: again.code, stderr: again.stderr }).toEqual({ code: 0, stderr: "" });
      expect(labelOf(again.stdout)).toBe("dog");
    }
    expect(hub.takeSeen()).toEqual([]);
    const elsewhere = await classify("--model", id, "--offline", "--cache-dir", join(cache, "other"));
    expect(elsewhere.stderr).toContain(
      `${id}: the model is not in the cache at revision main (${join(cache, "other")})`,
    );
    expect(elsewhere.code).toBe(2);
  });

  test("takes weights in several files", async () => {
    const { code, stdout, stderr } = await classify("--model", "org/sharded");
    expect(stderr.match(/model-0000[12]-of-00002\.safetensors, \d\.\d MB/g)).toHaveLength(2);
    expect({ code, label: labelOf(stdout) }).toEqual({ code: 0, label: "dog" });
  });

  test("takes weights that only the Hub's converter has made, and says so in one line", async () => {
    const model = "org/unconverted";
    const first = await classify("--model", model);
    expect(first.stderr).toBe(`${notice(model)}\ndownloading ${model}/model.safetensors, 11.1 MB\n`);
    expect(labelOf(first.stdout)).toBe("dog");
    hub.takeSeen();
    const again = await classify("--model", model, "--offline");
    expect({ label: labelOf(again.stdout), stderr: again.stderr }).toEqual({
      label: "dog",
      stderr: `${notice(model)}\n`,
    });
    const named = await classify("--model", model, "--offline", "--revision", "refs/pr/3");
    // The rest of that branch was never asked for.
    expect(named.stderr).toContain("config.json is not in the cache at revision refs/pr/3");
    expect(hub.takeSeen()).toEqual([]);
    const online = await classify("--model", model, "--revision", "refs/pr/3");
    expect({ label: labelOf(online.stdout), stderr: online.stderr }).toEqual({ label: "dog", stderr: "" });
  });

  test("ends where a hub never answers, however it is left waiting", async () => {
    hub.fail(/^hub.*config\.json/, { silent: true }, { silent: true });
    const { code, stderr } = await run(process.execPath, [main, "classify", "--model", id, dog], {
      cwd: cache,
      env: { ...environment(), HF_HUB_DOWNLOAD_TIMEOUT: "0.1" },
    }).then(({ code, output }) => ({ code, stderr: output }));
    expect(stderr).toContain("has sent nothing for 0.1 s (timeoutMs, in Node HF_HUB_DOWNLOAD_TIMEOUT, sets how long");
    expect(code).toBe(2);
  });

  test("info shows a model without its weights, and export takes one", async () => {
    const { code, stdout } = await pptVit("info", id, "--json");
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      folder: id,
      kind: "checkpoint",
      model: { reductionFrom: "reduction.json" },
    });
    expect(hub.takeSeen().filter((path) => path.startsWith("storage"))).toEqual([]);
    const exported = await pptVit("export", "--model", id, "--out", "exported", "--dtype", "fp32");
    expect(exported.code).toBe(0);
    expect(readdirSync(join(cache, "exported")).sort()).toEqual(["config.json", "onnx", "preprocessor_config.json"]);
  });

  test("bench downloads a model before anything is measured", async () => {
    const settings = ["--backends", "cpu", "--policies", "ppt", "--batches", "1", "--seconds", "1"];
    const { code, stdout, stderr } = await pptVit("bench", "--json", "--models", id, ...settings);
    expect({ code, stderr: stderr.split("\n")[0] }).toEqual({
      code: 0,
      stderr: `downloading ${id}/model.safetensors, 11.1 MB`,
    });
    expect(JSON.parse(stdout).results).toMatchObject([{ model: id, policy: "ppt" }]);
    expect(hub.seen.filter((one) => one.host === "storage")).toHaveLength(1);
  });

  test("says what to do", async () => {
    hub.models.set("org/gated", { commit, files, token: "hf_secret" });
    for (const [args, says] of [
      [["--model", "org/gated"], "org/gated/config.json: access denied (401): accept the terms at"],
      [["--model", "org/nothing"], "there is no model 'org/nothing'"],
      [["--model", id, "--revision", "v2"], "has no revision 'v2'"],
      [["--model", "org/../../etc"], "for a folder"],
      [["--model", "./folder", "--revision", "main"], "--revision is for models of the Hub"],
      [["--model", id, "--revision", "../main"], "revision '../main' is none"],
    ] as const) {
      const { code, stdout, stderr } = await classify(...args);
      expect(stderr).toContain(says);
      expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    }
  });
});

describe("processes", () => {
  const blobs = () => readdirSync(join(cache, "models--org--demo-model/blobs")).sort();
  const expectWholeCache = () => {
    expect(blobs()).toEqual(
      Object.entries(files)
        .map(([file, bytes]) => blobName(file, bytes))
        .sort(),
    );
    for (const name of blobs().filter((name) => name.length === 64))
      expect(
        createHash("sha256")
          .update(readFileSync(join(cache, "models--org--demo-model/blobs", name)))
          .digest("hex"),
      ).toBe(name);
  };

  test("that download the same model at the same time both have it", async () => {
    // Both get the weights' bytes while the other does, too.
    hub.gather(/^storage/, 2);
    const both = await Promise.all([classify("--model", id), classify("--model", id)]);
    for (const { code, stdout } of both) expect({ code, label: labelOf(stdout) }).toEqual({ code: 0, label: "dog" });
    expect(hub.seen.filter((one) => one.host === "storage")).toHaveLength(2);
    expectWholeCache();
  });

  test("that are killed leave a beginning, which the next one takes", async () => {
    const arrived = 5_000_000;
    hub.fail(/^storage/, { stallAfter: arrived });
    const script = `
      const { readCheckpoint } = await import(${JSON.stringify(pipeline)});
      const progress_callback = ({ file, loaded }) => loaded === ${arrived} && process.stdout.write(file);
      await readCheckpoint("${id}", { progress_callback });`;
    const child = spawn(process.execPath, ["--input-type=module", "-e", script], {
      env: { ...process.env, ...environment() },
      stdio: ["ignore", "pipe", "inherit"],
    });
    const ended = new Promise((resolve) => child.on("exit", (_, signal) => resolve(signal)));
    child.stdout.once("data", () => child.kill("SIGKILL"));
    expect(await ended).toBe("SIGKILL");
    expect(blobs().filter((name) => name.length === 64)).toEqual([]);
    const { code, stdout } = await classify("--model", id);
    expect({ code, label: labelOf(stdout) }).toEqual({ code: 0, label: "dog" });
    expect(hub.seen.at(-1)).toMatchObject({ host: "storage", range: `bytes=${arrived}-` });
    expectWholeCache();
  });
});

// scripts/check.mjs says in one line when this is skipped; in CI a missing browser is a failure there.
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
    /** Aborts when so many bytes of the weights have come. */
    readonly abortAt?: number;
  }
  /** The best label of the dog, or the error's code and message; and the last progress of the weights. */
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
              if (info.status === "notice") notice = info.message;
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
