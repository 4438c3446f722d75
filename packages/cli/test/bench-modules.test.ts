/** Modules of `bench --benchmark` and `--contenders` that are not what they must be. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { loadBenchmark, loadContenders } from "../src/commands/bench/modules.js";

const folder = mkdtempSync(join(tmpdir(), "ppt-vit-modules-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let files = 0;
function moduleWith(code: string): string {
  const path = join(folder, `module-${files++}.mjs`);
  writeFileSync(path, code);
  return path;
}
const refused = (message: RegExp) => ({ code: "INVALID_OPTION", message: expect.stringMatching(message) });

it.each([
  ["throw null", /cannot be loaded: null/],
  ["throw Object.create(null)", /cannot be loaded: an object that cannot be shown was thrown/],
  ["export const measure = 5", /must export measure\(context\)/],
])("a benchmark of %j is refused", async (code, message) => {
  await expect(loadBenchmark(moduleWith(code))).rejects.toMatchObject(refused(message));
});

it.each([
  ["async () => { throw new Error('no') }", /measure\(\) fails: no/],
  [
    "() => ({ settings: {}, measurements: [{ name: 'x', facts: { size: 1n } }] })",
    /expected a value that JSON can hold/,
  ],
  [
    "() => ({ settings: {}, measurements: [{ name: 'x', facts: { ms: NaN } }] })",
    /expected a value that JSON can hold/,
  ],
  [
    "() => { const settings = {}; settings.own = settings; return { settings } }",
    /expected a value that JSON can hold/,
  ],
])("a measure %s is refused with its module's name", async (code, message) => {
  const path = moduleWith(`export const measure = ${code}`);
  const { measure } = await loadBenchmark(path);
  const context = { settings: {}, tell: () => {}, geometry: () => ({}) };
  await expect(measure(context)).rejects.toMatchObject(refused(message));
  await expect(measure(context)).rejects.toThrow(path);
});

it.each([["''"], ["'a,b'"], ["5"]])("a contender whose name is %s is refused", async (name) => {
  const path = moduleWith(`export const contenders = [{ name: ${name}, prepare() {} }]`);
  await expect(loadContenders(path)).rejects.toMatchObject(refused(/a name is not empty and has no comma/));
});
