/** A worker's checkpoint that is kept: read once, and read again for another source or where it failed. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PptError } from "@ppt-vit/core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { residentCheckpoint } from "../src/browser/resident.js";
import type { CheckpointFiles } from "../src/checkpoint/files.js";
import { makeDepthFolder } from "./depth-folder.js";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "ppt-vit-resident-"));
  makeDepthFolder(join(folder, "depth"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The depth model as a store that notes what is read of it. */
function store(before: (file: string) => void = () => {}) {
  const at = join(folder, "depth");
  const seen: string[] = [];
  const names = readdirSync(at);
  const files: CheckpointFiles = {
    name: "depth",
    async read(file, { optional }) {
      before(file);
      seen.push(file);
      if (names.includes(file)) return Uint8Array.from(readFileSync(join(at, file)));
      if (optional) return undefined;
      throw new PptError("NOT_FOUND", `no ${file}`);
    },
  };
  return { seen, source: files as never };
}
const heads = { heads: true };

describe("a worker's checkpoint", () => {
  it("is read once, whatever is asked of it, and its files are those that were read", async () => {
    const { seen, source } = store();
    const resident = residentCheckpoint(true);
    const first = await resident.read({ source, key: 1 }, {}, heads);
    const once = [...seen];
    expect(once.filter((file) => file === "model.safetensors")).toHaveLength(1);
    expect(await resident.read({ source, key: 1 }, {}, heads)).toBe(first);
    await resident.read({ source, key: 1 }, {}, { heads: false });
    expect(await resident.inspect({ source, key: 1 }, {})).toEqual({
      model: "depth",
      tasks: ["depth-estimation"],
      patches: [8, 8],
    });
    const { blobs } = await resident.blobs({ source, key: 1 }, {});
    expect([...blobs.keys()].sort()).toEqual(["config.json", "model.safetensors", "preprocessor_config.json"]);
    const stored = readFileSync(join(folder, "depth", "model.safetensors"));
    expect(Buffer.from(await blobs.get("model.safetensors")!.arrayBuffer()).equals(stored)).toBe(true);
    expect(seen).toEqual(once);
    // Another key, or another revision, is another checkpoint.
    await resident.read({ source, key: 2 }, {}, heads);
    expect(seen).toHaveLength(2 * once.length);
    await resident.read({ source, key: 2 }, { revision: "v2" }, heads);
    expect(seen).toHaveLength(3 * once.length);
  });

  it("is read each time where it is not kept", async () => {
    const { seen, source } = store();
    const resident = residentCheckpoint(false);
    await resident.read({ source, key: 1 }, {}, heads);
    await resident.read({ source, key: 1 }, {}, heads);
    expect(seen.filter((file) => file === "model.safetensors")).toHaveLength(2);
    const { blobs } = await resident.blobs({ source, key: 1 }, {});
    expect(blobs.size).toBe(3);
  });

  it("is read again after a failure", async () => {
    let broken = true;
    const { source } = store((file) => {
      if (broken && file === "model.safetensors") throw new PptError("DOWNLOAD_FAILED", "offline");
    });
    const resident = residentCheckpoint(true);
    await expect(resident.inspect({ source, key: 1 }, {})).rejects.toThrow("offline");
    broken = false;
    expect((await resident.inspect({ source, key: 1 }, {})).tasks).toContain("depth-estimation");
  });
});
