/** Tests how the weights of a folder are read: in parts, while the file stays as it was. */
import { cpSync, mkdtempSync, readFileSync, renameSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseSafetensors } from "@ppt-vit/core";
import { afterAll, beforeEach, expect, test } from "vitest";
import { readCheckpoint } from "../src/index.js";
import { vitFolder } from "./fixtures.js";

const folder = mkdtempSync(join(tmpdir(), "ppt-vit-parts-"));
const path = join(folder, "model.safetensors");
beforeEach(() => cpSync(vitFolder, folder, { recursive: true }));
afterAll(() => rmSync(folder, { recursive: true }));

test("gives the values of the whole file, and reports all of its bytes", async () => {
  const reported: number[] = [];
  const { weights } = await readCheckpoint(folder, {
    progress_callback: (info) => {
      if (info.status === "progress" && info.file === "model.safetensors") reported.push(info.loaded);
    },
  });
  const bytes = readFileSync(path);
  const whole = parseSafetensors(bytes);
  expect(weights.names).toEqual(whole.names);
  for (const name of whole.names) expect(weights.read(name)).toEqual(whole.read(name));
  expect(reported.at(-1)).toBe(bytes.length);
});

test.each<[string, () => void, RegExp]>([
  ["gone", () => rmSync(path), /cannot be read \(ENOENT\)/],
  ["touched", () => utimesSync(path, 1, 1), /it was changed while it was read: load it again/],
  [
    "replaced by another",
    () => {
      writeFileSync(`${path}.new`, readFileSync(path));
      renameSync(`${path}.new`, path);
    },
    /it was changed while it was read: load it again/,
  ],
])("a file that is %s since the checkpoint was read is no longer read", async (_, change, message) => {
  const { weights } = await readCheckpoint(folder);
  change();
  expect(() => weights.read(weights.names[0]!)).toThrow(
    expect.objectContaining({ code: "NOT_FOUND", message: expect.stringMatching(message) }),
  );
});
