/** Tests backends from a module: `--backend ./module.js`. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { backendNames, createBackend } from "@ppt-vit/pipeline";
import { afterAll, describe, expect, it } from "vitest";
import { isModule, registerModule } from "../src/flags/backend-module.js";

const folder = mkdtempSync(join(tmpdir(), "ppt-vit-backend-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function moduleWith(name: string, code: string): string {
  const path = join(folder, name);
  writeFileSync(path, code);
  return path;
}

const backend = (name: string) =>
  `({ specVersion: 1, name: "${name}", capabilities: {}, compile: async () => ({}), dispose: async () => {} })`;

describe("a module", () => {
  it.each([
    ["a backend", "instance.mjs", `export default ${backend("mine")};`],
    ["a function that makes one", "factory.mjs", `export default () => ${backend("mine")};`],
    ["a function that promises one", "promised.mjs", `export default async () => ${backend("mine")};`],
    ["a descriptor", "described.mjs", `export default { name: "x", open: async () => ${backend("mine")} };`],
  ])("exports %s, which can be opened more than once", async (_, file, code) => {
    const path = moduleWith(file, code);
    await registerModule(path);
    await registerModule(path);
    expect(backendNames.filter((name) => name === path)).toEqual([path]);
    for (let i = 0; i < 2; i++) {
      const opened = await createBackend(path);
      expect(opened.name).toBe("mine");
      await opened.dispose();
    }
  });

  it("is named by a file: URL, too", async () => {
    const { href } = pathToFileURL(moduleWith("by-url.mjs", `export default () => ${backend("url")};`));
    await registerModule(href);
    expect((await createBackend(href)).name).toBe("url");
  });

  it.each([
    ["no file", undefined, "NOT_FOUND", /backend .*missing\.mjs: there is no file /],
    ["no default export", "export const backend = 1;", "INVALID_OPTION", /has no default export: write export default/],
    ["another value", "export default 7;", "INVALID_OPTION", /the default export is 7, expected a backend, a function/],
    ["a syntax error", "export default {", "BACKEND_UNAVAILABLE", /the module does not load: /],
    ["an error of its own", "throw new Error('no GPU');", "BACKEND_UNAVAILABLE", /the module does not load: no GPU/],
    [
      "a package that is not there",
      "import '@not/there';",
      "BACKEND_UNAVAILABLE",
      /Cannot find package '@not\/there'.*: npm install @not\/there in the module's folder/,
    ],
    [
      "an error that cannot be shown",
      "throw Object.create(null);",
      "BACKEND_UNAVAILABLE",
      /the module does not load: /,
    ],
    [
      "a getter that fails",
      "export default { get open() { throw new Error('no') } };",
      "INVALID_OPTION",
      /cannot be read: no/,
    ],
    ["a wrong field", "export default { open() {}, rank: 3 };", "INVALID_OPTION", /rank is 3, expected an object/],
  ])("is refused for %s", async (what, code, expected, message) => {
    const name = `${what.replaceAll(" ", "-")}.mjs`;
    const path = code === undefined ? join(folder, "missing.mjs") : moduleWith(name, code);
    await expect(registerModule(path)).rejects.toMatchObject({
      code: expected,
      message: expect.stringMatching(message),
    });
  });

  it("is refused for a URL of another machine", async () => {
    await expect(registerModule("file://host/mine.js")).rejects.toMatchObject({ code: "NOT_FOUND" });
  });

  it("is told from a name", () => {
    for (const path of [
      "./mine.js",
      "mine.mjs",
      "mine.cjs",
      "mine.ts",
      "mine.mts",
      "folder/mine",
      "file:///mine.js",
      "C:\\mine.js",
    ])
      expect(isModule(path)).toBe(true);
    for (const name of ["auto", ...backendNames.filter((one) => !one.startsWith(folder) && !one.startsWith("file:"))])
      expect(isModule(name)).toBe(false);
  });
});
