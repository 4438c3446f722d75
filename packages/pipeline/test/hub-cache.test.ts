/** Tests the Hub's cache in Node: without a network, with links that leave it, and where it cannot be written. */
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { hubFiles } from "../src/node/hub/files.js";
import { cacheDir, commit, errorOf, expectWeights, folder, hub, id, open, read } from "./hub-fixture.js";

describe("without a network", () => {
  it("takes what is in the cache, and says what is not", async () => {
    await read("model.safetensors");
    hub.takeSeen();
    for (const files of [open({ localFilesOnly: true }), open({}, { HF_HUB_OFFLINE: "1" })]) {
      await expectWeights(files.read("model.safetensors", { optional: false }));
      expect(await files.read("reduction.json", { optional: true })).toBe(undefined);
      expect(await errorOf(files.read("preprocessor_config.json", { optional: false }))).toMatchObject({
        code: "NOT_FOUND",
        message: expect.stringContaining("preprocessor_config.json is not in the cache at revision main"),
      });
    }
    expect(await errorOf(read("config.json", { localFilesOnly: true, revision: "v2" }))).toMatchObject({
      code: "NOT_FOUND",
      message: expect.stringContaining("load the model once without"),
    });
    expect(hub.takeSeen()).toEqual([]);
  });

  it("finds the cache by the variables of Hugging Face's own tools", async () => {
    await read("config.json");
    const at = (env: Record<string, string>) =>
      hubFiles(id, { localFilesOnly: true }, { fetch, wait: async () => {}, env }).read("config.json", {
        optional: false,
      });
    expect(await at({ HF_HUB_CACHE: cacheDir })).toHaveLength(7);
    mkdirSync(join(cacheDir, "home"));
    symlinkSync(cacheDir, join(cacheDir, "home", "hub"));
    expect(await at({ HF_HOME: join(cacheDir, "home") })).toHaveLength(7);
  });
});

describe("what leads out of the cache", () => {
  it("is not read: a link in a snapshot, a link in place of a ref", async () => {
    await read("config.json");
    const outside = join(cacheDir, "secret.json");
    writeFileSync(outside, "{}");
    symlinkSync(outside, join(folder(), "snapshots", commit, "preprocessor_config.json"));
    const refused = { code: "NOT_FOUND", message: expect.stringContaining("leads out of") };
    expect(await errorOf(read("preprocessor_config.json", { revision: commit }))).toMatchObject(refused);
    symlinkSync(outside, join(folder(), "refs/v1"));
    expect(await errorOf(read("config.json", { revision: "v1", localFilesOnly: true }))).toMatchObject(refused);
    symlinkSync("reduction.json", join(folder(), "snapshots", commit, "reduction.json"));
    expect(await errorOf(read("reduction.json", { revision: commit }))).toMatchObject({
      code: "NOT_FOUND",
      message: expect.stringMatching(/reduction\.json: cannot be read \(ELOOP\)/),
    });
    writeFileSync(join(folder(), "refs/v2"), "../../../etc");
    expect(await errorOf(read("config.json", { revision: "v2", localFilesOnly: true }))).toMatchObject({
      message: expect.stringContaining("holds no commit"),
    });
  });

  it.each(["blobs", "snapshots", "refs", ""])("is not written: a link in place of the folder '%s'", async (name) => {
    const outside = mkdtempSync(join(tmpdir(), "ppt-vit-outside-"));
    if (name !== "") mkdirSync(folder());
    symlinkSync(outside, join(folder(), name));
    expect(await errorOf(read("config.json"))).toMatchObject({
      code: "NOT_FOUND",
      message: expect.stringContaining("leads out of"),
    });
    expect(readdirSync(outside).filter((entry) => /^[0-9a-f]{40}$/.test(entry) || entry === "main")).toEqual([]);
    rmSync(outside, { recursive: true });
  });
});

it("a cache that cannot be written is named, with what to do", async () => {
  writeFileSync(join(cacheDir, "file"), "");
  expect(await errorOf(read("config.json", { cacheDir: join(cacheDir, "file") }))).toMatchObject({
    code: "WRITE_FAILED",
    message: expect.stringMatching(/a part of this path is a file .*HF_HUB_CACHE/),
  });
});
