/** Tests models whose safetensors are in a pull request of the Hub's converter. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { ProgressInfo } from "../src/checkpoint/options.js";
import { readCheckpoint } from "../src/node/folder.js";
import { fromPretrained } from "../src/node/from-pretrained.js";
import { hubFiles } from "../src/node/hub/files.js";
import { type FakeHub, type FakeModel, startHub } from "./fake-hub.js";
import { vitFolder } from "./fixtures.js";

const commit = "0123456789abcdef0123456789abcdef01234567";
const converted = "89abcdef0123456789abcdef0123456789abcdef";
const id = "facebook/dino-vits16";
const file = (name: string) => readFileSync(join(vitFolder, name));
const settings = {
  "config.json": file("config.json"),
  "preprocessor_config.json": file("preprocessor_config.json"),
  "pytorch_model.bin": new TextEncoder().encode("PK"),
};
const pullRequest = {
  num: 7,
  title: "Adding `safetensors` variant of this model",
  status: "open",
  isPullRequest: true,
  author: { name: "SFconvertbot" },
};
const side = { commit: converted, files: { ...settings, "model.safetensors": file("model.safetensors") } };
const model: FakeModel = { commit, files: settings, discussions: [pullRequest], branches: { "refs/pr/7": side } };
const notice = `${id}: main has no safetensors; taking model.safetensors of refs/pr/7 at commit ${converted}`;

let cacheDir: string;
let hub: FakeHub;
let told: ProgressInfo[];
beforeEach(async () => {
  cacheDir = mkdtempSync(join(tmpdir(), "ppt-vit-conversion-"));
  hub = await startHub({ [id]: model });
  told = [];
});
afterEach(async () => {
  await hub.close();
  rmSync(cacheDir, { recursive: true });
});

const options = (more: object = {}) => ({
  cacheDir,
  endpoint: hub.url,
  progress_callback: (info: ProgressInfo) => void told.push(info),
  ...more,
});
const load = (more: object = {}) => readCheckpoint(id, options(more));
const notices = () => told.flatMap((info) => (info.status === "notice" && "file" in info ? [info.message] : []));

describe("weights that main lacks", () => {
  it("are taken from the converter's pull request, and said to be", async () => {
    const classifier = await fromPretrained(id, options({ reduction: false }));
    await classifier.dispose();
    expect(notices()).toEqual([notice]);
    expect(readFileSync(join(cacheDir, "models--facebook--dino-vits16/refs/refs/pr/7"), "utf8")).toBe(converted);
    // The pull request is looked up before the download. All other files come from main.
    const order = told.map((info) => info.status);
    expect(order.lastIndexOf("notice")).toBeLessThan(
      told.findIndex((info) => "file" in info && info.status === "initiate" && info.file === "model.safetensors"),
    );
    // Both processor files are requested at once, so their order may vary.
    expect(new Set(hub.takeSeen().filter((path) => path.includes("config.json")))).toEqual(
      new Set([
        `hub/${id}/resolve/main/config.json`,
        `hub/${id}/resolve/${commit}/preprocessor_config.json`,
        `hub/${id}/resolve/${commit}/processor_config.json`,
      ]),
    );
  });

  it("stay pinned with main's commit, and need no network then", async () => {
    await load();
    const moved = { ...side, commit: "f".repeat(40), files: { ...side.files, "model.safetensors": new Uint8Array(9) } };
    hub.models.set(id, { ...model, branches: { "refs/pr/7": moved } });
    told = [];
    hub.takeSeen();
    await load();
    expect(notices()).toEqual([notice]);
    expect(hub.takeSeen()).toEqual([`hub/${id}/resolve/main/config.json`]);
    await load({ localFilesOnly: true });
    expect(hub.takeSeen()).toEqual([]);
  });

  it("can be asked for by their revision, without a word", async () => {
    await load({ revision: "refs/pr/7" });
    await load({ revision: "refs/pr/7", localFilesOnly: true });
    expect(notices()).toEqual([]);
    expect(hub.takeSeen()[0]).toBe(`hub/${id}/resolve/refs%2Fpr%2F7/config.json`);
  });

  it("may be in several files", async () => {
    const index = { weight_map: { a: "model-00001-of-00001.safetensors" } };
    const files = {
      ...settings,
      "model.safetensors.index.json": new TextEncoder().encode(JSON.stringify(index)),
      "model-00001-of-00001.safetensors": file("model.safetensors"),
    };
    hub.models.set(id, { ...model, branches: { "refs/pr/7": { commit: converted, files } } });
    const { weights } = await load();
    expect(weights.has("a")).toBe(true);
    expect(notices()).toEqual([notice.replace("model.safetensors", "model.safetensors.index.json")]);
  });

  it("are announced on the console where nobody listens", async () => {
    const warn = vi.spyOn(console, "warn").mockImplementation(() => {});
    await hubFiles(id, { cacheDir, endpoint: hub.url }).read("model.safetensors", { optional: true });
    expect(warn.mock.calls).toEqual([[`ppt-vit: ${notice}`]]);
    warn.mockRestore();
  });
});

describe("a pull request is left alone", () => {
  it.each([
    { name: "of somebody else", change: { author: { name: "Mallory" } } },
    { name: "without an author", change: { author: null } },
    { name: "with another title", change: { title: "Adding safetensors" } },
    { name: "that is closed", change: { status: "closed" } },
    { name: "that is a discussion", change: { isPullRequest: false } },
    { name: "with a number that is none", change: { num: "7/../../main" } },
  ])("$name", async ({ change }) => {
    hub.models.set(id, { ...model, discussions: [{ ...pullRequest, ...change }, null as unknown as object] });
    await expect(load()).rejects.toMatchObject({
      code: "NOT_FOUND",
      message: expect.stringContaining("It holds pytorch_model.bin; a pytorch_model.bin or .pth is not read"),
    });
    expect(notices()).toEqual([]);
  });

  it("where another revision is asked for, main has weights, or its own bin was changed since", async () => {
    await expect(load({ revision: commit })).rejects.toMatchObject({ code: "NOT_FOUND" });
    const files = { ...settings, "pytorch_model.bin": new TextEncoder().encode("changed") };
    hub.models.set(id, { ...model, files });
    await expect(load()).rejects.toMatchObject({
      code: "NOT_FOUND",
      message: expect.stringContaining("refs/pr/7 were converted from another pytorch_model.bin than it has now"),
    });
    hub.models.set(id, { ...model, commit: "a".repeat(40), files: side.files });
    await load();
    expect(notices()).toEqual([]);
  });

  it("where discussions are switched off", async () => {
    hub.fail(/discussions/, { status: 403 });
    await expect(load()).rejects.toMatchObject({ message: expect.stringContaining("It holds pytorch_model.bin") });
  });
});
