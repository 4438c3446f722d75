/** Tests that recorded results are only added: a changed or removed line is found in git's history. */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { checkResults } from "../scripts/check-results.mjs";

let folder: string;
const git = (...args: string[]) =>
  execFileSync("git", ["-c", "user.name=x", "-c", "user.email=x@example.com", ...args], { cwd: folder, stdio: "pipe" });
const write = (text: string) => writeFileSync(join(folder, "results/runs.ndjson"), text);
const commit = (text: string) => {
  write(text);
  git("add", ".");
  git("commit", "-qm", "x");
};
const violations = () => {
  const result = checkResults(folder, "results");
  return "skipped" in result ? result.skipped : result.violations.join("\n");
};

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "ppt-vit-results-"));
  mkdirSync(join(folder, "results"));
  git("init", "-q");
  commit("1\n");
  commit("1\n2\n");
});
afterEach(() => rmSync(folder, { recursive: true }));

test("a line that is added is allowed", () => {
  write("1\n2\n3\n");
  expect(checkResults(folder, "results")).toEqual({ files: 1, violations: [] });
});

test.each([
  ["1\nother\n3\n", "results/runs.ndjson: line 2 is not as commit"],
  ["1\n", "results/runs.ndjson: line 2 is not as commit"],
  ["1\n2\n3", "results/runs.ndjson: does not end with a newline"],
])("another change is found: %j", (text, message) => {
  write(text);
  expect(violations()).toContain(message);
});

test("a change is found after it was committed, and a file that was removed", () => {
  commit("1\nother\n");
  expect(violations()).toContain("line 2 is not as commit");
  git("rm", "-q", "results/runs.ndjson");
  git("commit", "-qm", "x");
  expect(violations()).toContain("results/runs.ndjson: was removed");
});

test("without the history nothing is said", () => {
  const clone = join(folder, "clone");
  git("clone", "-q", "--depth", "1", `file://${folder}`, clone);
  expect(checkResults(clone, "results")).toEqual({ skipped: "a shallow clone" });
  rmSync(join(folder, ".git"), { recursive: true });
  expect(checkResults(folder, "results")).toEqual({ skipped: "no git, no repository, or no commit" });
  git("init", "-q");
  expect(checkResults(folder, "results")).toEqual({ skipped: "no git, no repository, or no commit" });
});
