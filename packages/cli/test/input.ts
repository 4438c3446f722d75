/** Shared by tests of input files: a folder that is new before each test, and the errors to expect. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect } from "vitest";

export let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "ppt-vit-input-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** Expects an INVALID_INPUT error whose message contains this. */
export const invalid = (message: string) =>
  expect.objectContaining({ code: "INVALID_INPUT", message: expect.stringContaining(message) });
