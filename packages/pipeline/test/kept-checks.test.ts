/** Tests that checks of backends are remembered for as long as they hold, and that a store that fails costs only time. */
import { execFile } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { createCpuBackend } from "@ppt-vit/backend-cpu";
import type { Backend, WeightDtypeName } from "@ppt-vit/core";
import type { CompileOptions } from "@ppt-vit/core/backend";
import { afterAll, describe, expect, it, vi } from "vitest";
import { withChangedOutputs } from "../../backend-cpu/test/changed-outputs.js";
import { keptChecks, type SelectionCache } from "../src/backends/kept-checks.js";
import { currentPlatform } from "../src/backends/platform.js";
import { selectOn } from "../src/backends/select.js";
import { browserMachine } from "../src/browser/machine.js";
import { selectBackend } from "../src/index.js";
import { checksFile, fileStore } from "../src/node/machine.js";

const platform = await currentPlatform();
const home = mkdtempSync(join(tmpdir(), "ppt-vit-kept-"));
afterAll(() => rmSync(home, { recursive: true, force: true }));

const mapStore = (entries = new Map<string, string>()): SelectionCache => ({
  getItem: (key) => entries.get(key) ?? null,
  setItem: (key, value) => void entries.set(key, value),
});
const candidates = ["onnx-cpu", "cpu"];
const dayMs = 24 * 60 * 60 * 1000;

/** A backend that is right, or off by 5 %. Counts the models that are compiled, of which a check takes one. */
function counting(factor: () => number, runtime: string | undefined = "counting 1.0") {
  const counts = { opened: 0, checked: 0, open: 0 };
  async function create(): Promise<Backend> {
    counts.opened++;
    counts.open++;
    const { runtime: _, ...backend } = withChangedOutputs(createCpuBackend(), ({ logits, ...others }) => ({
      ...others,
      logits: { ...logits!, data: logits!.data.map((value) => value * factor()) },
    }));
    return {
      ...backend,
      ...(runtime !== undefined && { runtime }),
      compile(...args) {
        counts.checked++;
        return backend.compile(...args);
      },
      async dispose() {
        counts.open--;
        await backend.dispose();
      },
    };
  }
  return { counts, create };
}

describe("a check", () => {
  const surroundings = (create: () => Promise<Backend>, store = mapStore(), facts = "v20", now = () => 1e12) => ({
    platform,
    create,
    now: () => 0,
    kept: keptChecks(store, platform, facts, now),
  });

  it("is done once, and its result is told with its day", async () => {
    const { counts, create } = counting(() => 1);
    const host = surroundings(create);
    const [first, second] = [await selectOn(host, { candidates }), await selectOn(host, { candidates })];
    expect(counts).toEqual({ opened: 2, checked: 1, open: 0 });
    expect(first.candidates[0]!.reason).toMatch(/^computes rightly \(\d\.\de-\d+ from the recorded logits\)$/);
    expect(second.candidates[0]!.reason).toBe(`${first.candidates[0]!.reason}, checked here on 2001-09-09`);
    await selectOn(host, { candidates, recheck: true });
    expect(counts.checked).toBe(2);
  });

  it.each([
    ["another version of the runtime", "counting 1.1", "v20", 1e12],
    ["another Node or processor", "counting 1.0", "v22", 1e12],
    ["a week", "counting 1.0", "v20", 1e12 + 7 * dayMs],
    ["a clock that was set back", "counting 1.0", "v20", 1e12 - 1],
  ])("is done again after %s", async (_, runtime, facts, now) => {
    const store = mapStore();
    const before = counting(() => 1);
    await selectOn(surroundings(before.create, store), { candidates });
    const after = counting(() => 1, runtime);
    const later = surroundings(after.create, store, facts, () => now);
    await selectOn(later, { candidates });
    expect([before.counts.checked, after.counts.checked]).toEqual([1, 1]);
  });

  it("covers quantised weights where they are asked for, and is remembered for them", async () => {
    const { counts, create } = counting(() => 1);
    const host = surroundings(create);
    for (const dtype of ["fp32", "q8", "q4", "q8", "fp32"] as const) await selectOn(host, { candidates, dtype });
    // One for floats, and for each precision the floats, the quantised model and the one that it is compared with.
    expect(counts.checked).toBe(1 + 3 + 3);
  });

  it("that failed for one precision says nothing about the others", async () => {
    const right = createCpuBackend();
    const wrong = withChangedOutputs(right, ({ logits, ...others }) => ({
      ...others,
      logits: { ...logits!, data: logits!.data.map((value) => value * 1.1) },
    }));
    let checked = 0;
    const inBlocks = ({ params }: CompileOptions) =>
      Object.values(params).some(({ quantized }) => quantized?.kind === "blocks");
    const create = async (name: string): Promise<Backend> => ({
      ...right,
      runtime: "counting 1.0",
      compile(program, options) {
        if (name !== "cpu") checked++;
        return (name !== "cpu" && inBlocks(options) ? wrong : right).compile(program, options);
      },
      dispose: async () => {},
    });
    const host = surroundings(create as never);
    const chosen = async (dtype: WeightDtypeName) => (await selectOn(host, { candidates, dtype })).backend;
    // Twice: as checked, and as remembered.
    for (let i = 0; i < 2; i++)
      for (const dtype of ["q4", "q8", "fp32"] as const)
        expect([dtype, await chosen(dtype)]).toEqual([dtype, dtype === "q4" ? "cpu" : "onnx-cpu"]);
    expect(checked).toBe(3 + 3 + 1);
  });

  it("is done every time for a backend that does not tell its version", async () => {
    const { counts, create } = counting(() => 1, "");
    const untold = async () => {
      const { runtime: _, ...backend } = await create();
      return backend;
    };
    const host = surroundings(untold);
    for (let i = 0; i < 2; i++) await selectOn(host, { candidates });
    expect(counts.checked).toBe(2);
  });

  it("that failed is remembered for a day, and the next candidate is taken", async () => {
    let clock = 1e12;
    const { counts, create } = counting(() => 1.05);
    const create2 = async (name: string) => (name === "cpu" ? createCpuBackend() : create());
    const host = { ...surroundings(create, mapStore(), "v20", () => clock), create: create2 };
    const first = await selectOn(host, { candidates });
    const second = await selectOn(host, { candidates });
    expect([first.backend, second.backend, counts.checked, counts.open]).toEqual(["cpu", "cpu", 1, 0]);
    expect(second.candidates[0]).toMatchObject({
      outcome: "failed",
      reason: expect.stringMatching(/away .*, checked here on 2001-09-09; it is checked again a day later/),
    });
    clock += dayMs;
    await selectOn(host, { candidates });
    expect(counts.checked).toBe(2);
  });

  it("that could not be finished is not remembered", async () => {
    let fails = true;
    const { counts, create } = counting(() => {
      if (fails) throw new Error("out of memory");
      return 1;
    });
    const create2 = async (name: string) => (name === "cpu" ? createCpuBackend() : create());
    const host = { ...surroundings(create), create: create2 };
    expect((await selectOn(host, { candidates })).backend).toBe("cpu");
    fails = false;
    expect((await selectOn(host, { candidates })).backend).toBe("onnx-cpu");
    expect(counts.checked).toBe(2);
  });

  it("does not keep a backend that no longer opens", async () => {
    const store = mapStore();
    await selectOn(surroundings(counting(() => 1).create, store), { candidates });
    const gone = async (name: string) => {
      if (name === "cpu") return createCpuBackend();
      throw new Error("was removed");
    };
    expect((await selectOn(surroundings(gone as never, store), { candidates })).backend).toBe("cpu");
  });

  it.each([
    [
      "throws",
      { getItem: () => Promise.reject(new Error("denied")), setItem: () => Promise.reject(new Error("full")) },
    ],
    ["holds no JSON", { getItem: () => "}", setItem: () => {} }],
    ["holds something else", { getItem: () => '{"works":"yes","at":null}', setItem: () => {} }],
    ["holds null", { getItem: () => "null", setItem: () => {} }],
  ])("is done where the store %s", async (_, store) => {
    const { counts, create } = counting(() => 1);
    expect((await selectOn(surroundings(create, store), { candidates })).backend).toBe("onnx-cpu");
    expect(counts.checked).toBe(1);
  });
});

it("selectBackend keeps checks in the store it is given", async () => {
  const entries = new Map<string, string>();
  const options = { candidates: ["cpu"], cache: mapStore(entries) };
  await selectBackend(options);
  expect([...entries.keys()]).toEqual([expect.stringMatching(/^ppt-vit\.check:\["cpu","@ppt-vit\/backend-cpu /)]);
  const again = await selectBackend(options);
  expect(again.candidates[0]!.reason).toContain("checked here on");
});

describe("the file", () => {
  const file = join(home, "cache", "backend-checks.json");
  const store = fileStore(() => file);

  it("keeps what it is told, the newest 100", () => {
    expect(store.getItem("a")).toBeNull();
    for (let i = 0; i < 102; i++) store.setItem(`key ${i}`, String(i));
    expect([store.getItem("key 1"), store.getItem("key 2"), store.getItem("key 101")]).toEqual([null, "2", "101"]);
    expect(readdirSync(join(home, "cache"))).toEqual(["backend-checks.json"]);
  });

  it.each([
    ["no JSON", "{"],
    ["null", "null"],
    ["a list", "[1]"],
    ["other values", '{"a":1}'],
    ["something large", `{"a":"${"x".repeat(2 ** 20)}"}`],
  ])("is replaced where it holds %s", (_, content) => {
    writeFileSync(file, content);
    expect(store.getItem("a")).toBeNull();
    store.setItem("a", "b");
    expect(JSON.parse(readFileSync(file, "utf8"))).toMatchObject({ a: "b" });
  });

  it("is written whole by processes at the same time", async () => {
    const script = `
      import { fileStore } from ${JSON.stringify(fileURLToPath(new URL("../src/node/machine.ts", import.meta.url)))};
      const store = fileStore(() => process.argv[2]);
      for (let i = 0; i < 40; i++) store.setItem(process.argv[3] + i, "x".repeat(500));`;
    const bundled = join(home, "writer.mjs");
    const { build } = await import("esbuild");
    await build({
      stdin: { contents: script, resolveDir: home },
      bundle: true,
      platform: "node",
      format: "esm",
      outfile: bundled,
    });
    const busy = join(home, "busy.json");
    const writers = ["a", "b", "c"].map((name) => promisify(execFile)(process.execPath, [bundled, busy, name]));
    let running = true;
    const ended = Promise.all(writers).finally(() => {
      running = false;
    });
    while (running) {
      if (existsSync(busy)) JSON.parse(readFileSync(busy, "utf8"));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await ended;
    expect(readdirSync(home).filter((name) => name.startsWith("busy.json"))).toEqual(["busy.json"]);
  });

  it.skipIf(process.getuid?.() === 0)("may be in a folder that cannot be written", async () => {
    const locked = join(home, "locked");
    mkdirSync(locked);
    chmodSync(locked, 0o555);
    const { counts, create } = counting(() => 1);
    const kept = keptChecks(
      fileStore(() => join(locked, "checks.json")),
      platform,
      "",
    );
    await selectOn({ platform, create, now: () => 0, kept }, { candidates });
    expect(counts.checked).toBe(1);
  });

  it("may be in the way of a folder, or the other way round", async () => {
    writeFileSync(join(home, "taken"), "");
    mkdirSync(join(home, "folder.json"));
    for (const path of [join(home, "taken", "checks.json"), join(home, "folder.json")]) {
      const { counts, create } = counting(() => 1);
      const kept = keptChecks(
        fileStore(() => path),
        platform,
        "",
      );
      for (let i = 0; i < 2; i++) await selectOn({ platform, create, now: () => 0, kept }, { candidates });
      expect(counts.checked).toBe(2);
    }
    expect(readdirSync(home).filter((name) => name.startsWith("folder.json"))).toEqual(["folder.json"]);
  });

  it("is where the user's caches are", () => {
    const ending = "backend-checks.json";
    expect(checksFile({ PPT_VIT_CACHE_DIR: "/mine" }, "linux")).toBe(join("/mine", ending));
    expect(checksFile({ PPT_VIT_CACHE_DIR: "", XDG_CACHE_HOME: "/xdg" }, "linux")).toBeUndefined();
    expect(checksFile({ XDG_CACHE_HOME: "/xdg" }, "linux")).toBe(join("/xdg", "ppt-vit", ending));
    expect(checksFile({ XDG_CACHE_HOME: "xdg" }, "linux")).toBe(join(homedir(), ".cache", "ppt-vit", ending));
    expect(checksFile({}, "darwin")).toBe(join(homedir(), "Library", "Caches", "ppt-vit", ending));
    expect(checksFile({ LOCALAPPDATA: "/local" }, "win32")).toBe(join("/local", "ppt-vit", ending));
  });
});

describe("the browser's store", () => {
  it("is Cache storage, with the newest 50", async () => {
    const entries = new Map<string, Response>();
    const cache = {
      match: async (address: string) => entries.get(address)?.clone(),
      put: async (address: string, response: Response) => void entries.set(address, response),
      keys: async () => [...entries.keys()],
      delete: async (address: string) => entries.delete(address),
    };
    vi.stubGlobal("caches", { open: async () => cache });
    try {
      const first = browserMachine().store;
      for (let i = 0; i < 51; i++) await first.setItem(`key ${i}`, String(i));
      // As after a reload of the page.
      const second = browserMachine().store;
      expect([await second.getItem("key 0"), await second.getItem("key 50")]).toEqual([null, "50"]);
    } finally {
      vi.unstubAllGlobals();
    }
  });

  it("is the page's memory where there is none", async () => {
    vi.stubGlobal("caches", undefined);
    try {
      const { store } = browserMachine();
      await store.setItem("a", "b");
      expect([await store.getItem("a"), await browserMachine().store.getItem("a")]).toEqual(["b", null]);
    } finally {
      vi.unstubAllGlobals();
    }
  });
});
