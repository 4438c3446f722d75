/** Tests how folders are made: those of caches, exports and reports. */
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeFolder } from "@ppt-vit/pipeline";
import { afterAll, expect, it } from "vitest";

const home = mkdtempSync(join(tmpdir(), "ppt-vit-make-folder-"));
afterAll(() => rmSync(home, { recursive: true }));

it("makes what is missing, and says where it began", () => {
  expect(makeFolder(home)).toBeUndefined();
  expect(makeFolder(join(home, "a", "b", "c"))).toBe(join(home, "a"));
  expect(statSync(join(home, "a", "b", "c")).isDirectory()).toBe(true);
  expect(makeFolder(join(home, "a", "b", "c"))).toBeUndefined();
  expect(makeFolder(join(home, "a", "d"))).toBe(join(home, "a", "d"));
});

it("fails if a file is in the way", () => {
  writeFileSync(join(home, "file"), "");
  expect(() => makeFolder(join(home, "file"))).toThrow(expect.objectContaining({ code: "EEXIST" }));
  expect(() => makeFolder(join(home, "file", "below"))).toThrow();
});

it.skipIf(!existsSync("/proc/self"))("fails below /proc, instead of trying for ever", () => {
  expect(() => makeFolder("/proc/ppt-vit/below")).toThrow(expect.objectContaining({ code: "ENOENT" }));
});
