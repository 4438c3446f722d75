/** What tests of files that the command line reads share: a folder that is new before each test, and how errors look. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect } from "vitest";

export let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "ppt-vit-input-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** An INVALID_INPUT error with this in its message. */
export const invalid = (message: string) =>
  expect.objectContaining({ code: "INVALID_INPUT", message: expect.stringContaining(message) });
