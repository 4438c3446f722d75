/** Tests the one file that `npm start` builds, from the sources, and that it needs no more than `npm start` installs. */
import { readFileSync } from "node:fs";
import { isBuiltin } from "node:module";
import { join } from "node:path";
import { expect, test } from "vitest";
import { root, run } from "../scripts/workspace.mjs";
import { automatic, main, temporaryFolder } from "./built.js";

const app = join(root, "apps", "demo");
const home = temporaryFolder("start");

test("npm start builds the same command line as the packages, in one file", async () => {
  const built = await run("node", [join(app, "build.mjs")]);
  expect(built).toMatchObject({ code: 0, output: "" });
  const bundled = join(app, "dist", "main.js");
  const demo = await run("node", [bundled, "demo", "--out", "tokens.svg"], { cwd: home });
  expect(demo.code, demo.output).toBe(0);
  expect(demo.output).toContain(automatic);
  expect(demo.stdout).toContain("same label on 12 of 12 pictures");
  expect(readFileSync(join(home, "tokens.svg"), "utf8")).toMatch(/^<svg/);
  for (const args of [["--help"], ["--version"]])
    expect((await run("node", [bundled, ...args])).stdout).toBe((await run("node", [main, ...args])).stdout);
});

test("npm start installs what the file imports, but for optional runtimes", () => {
  const { dependencies } = JSON.parse(readFileSync(join(app, "package.json"), "utf8"));
  const text = readFileSync(join(app, "dist", "main.js"), "utf8");
  const imported = [...text.matchAll(/^import .* from "([^"]+)";$|\bimport\("([^"]+)"\)/gm)].map((m) => m[1] ?? m[2]!);
  const optional = /^(onnxruntime-web(\/|$)|@tensorflow\/|@huggingface\/|@ppt-vit\/(backend-(tfjs|wasm)|finetune)$)/;
  const needed = new Set(imported.filter((name) => !isBuiltin(name) && !optional.test(name)));
  expect([...needed].sort()).toEqual(["onnxruntime-node", "sharp"]);
  for (const name of needed) expect(Object.keys(dependencies)).toContain(name);
});
